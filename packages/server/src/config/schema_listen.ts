// The schema of where the server listens, with how many processes, and of what it does without its database.
import { z } from 'zod'
import { addresses, object, port, seconds, whole } from './schema_words.ts'
import { MOST_DRAIN_DELAY } from './telemetry.ts'
import { MOST_WORKERS } from './workers.ts'

export const listen = object({
  host: z.string().optional(),
  port: port.optional(),
  managementPort: port.optional(),
  trustedProxies: addresses.optional(),
  drainDelay: z.number().min(0).max(MOST_DRAIN_DELAY).optional(),
  workers: z.union([whole(1, MOST_WORKERS), z.literal('auto')]).optional(),
})

export const withoutDatabase = object({ guardsTrust: seconds(86_400, 'at most 1 day').optional() })
