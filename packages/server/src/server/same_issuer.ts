// Whether this process calls its realms what the live nodes of the same database call them: each would refuse the other's tokens. Asked
// before anything else of this configuration is written, by a node that has entered. docs/decisions/0028.
import { ConfigError } from '../config/error.ts'
import type { Act } from '../model/audit.ts'
import type { Configuration } from '../model/configuration.ts'
import type { NodeSeen } from '../model/nodes.ts'
import type { Store } from '../model/store.ts'
import { seesLife } from './nodes.ts'
import { eachTogether } from './together.ts'

interface Asking {
  /** This node's id. */
  readonly self: string
  readonly notice: (sentence: string) => void
  readonly act: Act
}

type Named = Pick<Configuration, 'realms' | 'onOtherIssuer'>

/** Writes down the realms that are new or have another issuer now, if none of the nodes that live objects. @throws ConfigError */
export async function claimIssuers(store: Pick<Store, 'realms' | 'nodes'>, configuration: Named, asking: Asking): Promise<void> {
  let isClaimed = false
  // Again where somebody else named one in between: then that is seen.
  while (!isClaimed) {
    const { nodes: seen } = await store.nodes.look()
    const stored = new Map((await store.realms.list()).map((realm) => [realm.id, realm.issuer]))
    const others = configuration.realms.filter(({ realm }) => (stored.get(realm.id) ?? realm.issuer) !== realm.issuer)
    if (others.length > 0 && !(await mayRename(store, configuration, asking, sentenceOf(others, stored)))) return
    isClaimed = await claimAll(store, configuration, stored, others.length > 0 ? seen : [], asking)
  }
}

/** The issuer of a database on which nobody lives is this configuration's to change. False: told of it, the operator has it changed all the same. */
async function mayRename(
  { nodes }: Pick<Store, 'nodes'>,
  { onOtherIssuer }: Named,
  { self, notice }: Asking,
  differ: string,
): Promise<boolean> {
  // To look for life takes seconds where a node has died: the start waits for it only if it depends on it.
  if (onOtherIssuer === 'tell') {
    const tell = (): void => notice(`${differ}: each refuses the other's tokens until all of them have the same publicUrl and issuer.`)
    seesLife(nodes, self).then(
      (lives) => lives && tell(),
      () => undefined,
    )
    return false
  }
  if (!(await seesLife(nodes, self))) return true
  throw new ConfigError([
    `${differ}, so that each would refuse the other's tokens: give all of them the same publicUrl and issuer, or, to change it by ` +
      'restarting one after another, start each with COUNTERSIGN_CHANGE_ISSUER=1.',
  ])
}

function sentenceOf(others: Named['realms'], stored: ReadonlyMap<string, string>): string {
  const { id = '', issuer = '' } = others[0]?.realm ?? {}
  const more = others.length > 1 ? ` (and ${others.length - 1} more realms likewise)` : ''
  return `Nodes that run on this database call realm ${id} ${stored.get(id)}, and this one calls it ${issuer}${more}`
}

/** @param silent of which nobody gave a sign of life since @returns false: somebody else has named one, or entered */
async function claimAll(
  { realms }: Pick<Store, 'realms'>,
  { realms: configured }: Named,
  stored: ReadonlyMap<string, string>,
  silent: readonly NodeSeen[],
  { self, act }: Asking,
): Promise<boolean> {
  const changed = configured.filter(({ realm }) => stored.get(realm.id) !== realm.issuer)
  let isClaimed = true
  await eachTogether(changed, async ({ realm }) => {
    if (isClaimed && !(await realms.claim(realm, act, { self, silent }))) isClaimed = false
  })
  return isClaimed
}
