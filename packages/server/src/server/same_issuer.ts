// Whether this process calls its realms what the live nodes of the same database call them: each would refuse the other's tokens. Asked
// before anything of this configuration is written. docs/decisions/0028.
import { ConfigError } from '../config/error.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Store } from '../model/store.ts'
import { seesLife } from './nodes.ts'

interface Asked {
  /** The operator changes an issuer, one node after another. */
  readonly mayChange: boolean
  readonly notice: (sentence: string) => void
}

/** The issuer of a database on which nobody lives is this configuration's to change. @throws ConfigError */
export async function checkIssuers(
  { realms, nodes }: Pick<Store, 'realms' | 'nodes'>,
  configured: Configuration['realms'],
  { mayChange, notice }: Asked,
): Promise<void> {
  const stored = new Map((await realms.list()).map((realm) => [realm.id, realm.issuer]))
  const others = configured.filter(({ realm }) => (stored.get(realm.id) ?? realm.issuer) !== realm.issuer)
  const [first] = others
  // Asked last, since it takes time where a node has died.
  if (first === undefined || !(await seesLife(nodes))) return
  const { id, issuer } = first.realm
  const more = others.length > 1 ? ` (and ${others.length - 1} more realms likewise)` : ''
  const differ = `Nodes that run on this database call realm ${id} ${stored.get(id)}, and this one calls it ${issuer}${more}`
  if (!mayChange) {
    throw new ConfigError([
      `${differ}, so that each would refuse the other's tokens: give all of them the same publicUrl and issuer, or, to change it by ` +
        'restarting one after another, start each with COUNTERSIGN_CHANGE_ISSUER=1.',
    ])
  }
  notice(`${differ}: until the last of them is restarted, each refuses the other's tokens.`)
}
