// What all guarded APIs have in common: one account of each client's requests in its realm, and what is written behind the answers.
import type { Admissions } from '@countersign/guard/ports'
import type { AdmissionOptions, RealmUsage } from '../gateway/admission.ts'
import { createAdmissions, createRealmUsage } from '../gateway/admission.ts'
import { createObservations } from '../gateway/observations.ts'
import { createApiKeyUses } from '../issue/api_key_uses.ts'
import type { Store } from '../model/store.ts'

export interface ApiUsage {
  admissionsOf(context: AdmissionOptions['context'], api: AdmissionOptions['api']): Admissions
  /** Writes what became of admitted requests, and which API keys came with them. What cannot be written now is kept for the next call. */
  flush(): Promise<void>
}

/** @param nowMs epoch milliseconds. @param nodes that live */
export function createApiUsage(
  { metering, apiKeys }: Pick<Store, 'metering' | 'apiKeys'>,
  nowMs: () => number,
  nodes: () => number,
): ApiUsage {
  const observations = createObservations(metering)
  const keyUses = createApiKeyUses(apiKeys)
  const realms = new Map<string, RealmUsage>()
  return {
    admissionsOf(context, api) {
      const { id } = context.realm
      const usage = realms.get(id) ?? createRealmUsage(id)
      realms.set(id, usage)
      return createAdmissions({ context, api, usage, observations, keyUses, nowMs, nodes })
    },
    async flush() {
      const written = await Promise.allSettled([observations.flush(), keyUses.flush()])
      for (const one of written) if (one.status === 'rejected') throw one.reason
    },
  }
}
