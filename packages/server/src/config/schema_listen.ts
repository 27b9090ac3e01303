// The schema of where the server listens, with how many processes, and of what it does without its database.
import { z } from 'zod'
import { addresses, object, port, seconds } from './schema_words.ts'
import { MOST_DRAIN_DELAY } from './telemetry.ts'

export const listen = object({
  host: z.string().optional(),
  port: port.optional(),
  managementPort: port.optional(),
  trustedProxies: addresses.optional(),
  drainDelay: z
    .number()
    .refine((value) => value >= 0 && value <= MOST_DRAIN_DELAY, { error: `must be seconds from 0 to ${MOST_DRAIN_DELAY}` })
    .optional(),
  // workers.ts says which.
  workers: z.union([z.number(), z.string()]).optional(),
})

export const withoutDatabase = object({ guardsTrust: seconds(86_400, 'at most 1 day').optional() })
