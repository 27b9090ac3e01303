// Whether this process calls its realms what the live nodes of the same database call them: each would refuse the other's tokens. Asked
// before anything of this configuration is written. docs/decisions/0028.
import { ConfigError } from '../config/error.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Store } from '../model/store.ts'
import { seesLife } from './nodes.ts'

interface Asking {
  /** This node's id. */
  readonly self: string
  readonly notice: (sentence: string) => void
}

/** The issuer of a database on which nobody lives is this configuration's to change. @throws ConfigError */
export async function checkIssuers(
  { realms, nodes }: Pick<Store, 'realms' | 'nodes'>,
  { realms: configured, onOtherIssuer }: Pick<Configuration, 'realms' | 'onOtherIssuer'>,
  { self, notice }: Asking,
): Promise<void> {
  const stored = new Map((await realms.list()).map((realm) => [realm.id, realm.issuer]))
  const others = configured.filter(({ realm }) => (stored.get(realm.id) ?? realm.issuer) !== realm.issuer)
  const [first] = others
  if (first === undefined) return
  const { id, issuer } = first.realm
  const more = others.length > 1 ? ` (and ${others.length - 1} more realms likewise)` : ''
  const differ = `Nodes that run on this database call realm ${id} ${stored.get(id)}, and this one calls it ${issuer}${more}`
  const tell = (): void => notice(`${differ}: each refuses the other's tokens until all of them have the same publicUrl and issuer.`)
  // To look for life takes seconds where a node has died: the start waits for it only if it depends on it.
  if (onOtherIssuer === 'tell') {
    seesLife(nodes, self).then(
      (lives) => lives && tell(),
      () => undefined,
    )
    return
  }
  if (!(await seesLife(nodes, self))) return
  throw new ConfigError([
    `${differ}, so that each would refuse the other's tokens: give all of them the same publicUrl and issuer, or, to change it by ` +
      'restarting one after another, start each with COUNTERSIGN_CHANGE_ISSUER=1.',
  ])
}
