// What commands changed while the servers ran: it holds everywhere a second after the command had ended, and in the database for good.
import type { Evidence, Rule, Seen } from '../seen.ts'

/** Milliseconds. */
const EVERYWHERE = 1000

export const configuration: Rule = (evidence) => {
  const commands = evidence.seen.filter(({ what }) => what === 'command')
  const clients = Map.groupBy(commands, ({ client }) => client)
  return [...clients].flatMap(([client, own]) => {
    const requests = evidence.seen.filter((one) => one.client === client && one.what !== 'command')
    return [
      ...secrets(evidence, own, requests),
      ...disabled(own, requests),
      ...keys(evidence, own, requests),
      ...stored(evidence, client, own),
    ]
  })
}

const isDone = ({ status }: Seen): boolean => status === 200

/** A secret ends with the first later command that was done; one that may or may not have been done makes it uncertain. */
function secrets({ skew }: Evidence, commands: readonly Seen[], requests: readonly Seen[]): string[] {
  const said: string[] = []
  for (const made of commands) {
    if (made.got === undefined || !(made.action === 'create' || made.action === 'rotate') || !isDone(made)) continue
    const later = commands.filter(({ action, sentAt }) => (action === 'rotate' || action === 'disable') && sentAt > made.sentAt)
    const touchedAt = Math.min(...later.map(({ sentAt }) => sentAt))
    const endedAt = Math.min(...later.filter(isDone).map(({ answeredAt }) => answeredAt))
    for (const { what, shown, status, sentAt, answeredAt, node } of requests) {
      if (what !== 'token' || shown !== made.got) continue
      if (status === 200 && sentAt > endedAt + EVERYWHERE + 1000 * (1 + skew))
        said.push(`Node ${node} accepted ${shown} ${Math.round(sentAt - endedAt)} ms after its end.`)
      if (status >= 400 && status < 500 && sentAt > made.answeredAt + EVERYWHERE && answeredAt < touchedAt)
        said.push(`Node ${node} refused ${shown} ${Math.round(sentAt - made.answeredAt)} ms after it was made (${status}).`)
    }
  }
  return said
}

function disabled(commands: readonly Seen[], requests: readonly Seen[]): string[] {
  const done = commands.filter((one) => one.action === 'disable' && isDone(one))
  const at = Math.min(...done.map(({ answeredAt }) => answeredAt))
  return requests
    .filter(({ status, sentAt }) => status === 200 && sentAt > at + EVERYWHERE)
    .map(({ client, node, what, sentAt }) => `Node ${node} served ${client} (${what}) ${Math.round(sentAt - at)} ms after it was disabled.`)
}

function keys({ skew }: Evidence, commands: readonly Seen[], requests: readonly Seen[]): string[] {
  const said: string[] = []
  const disabledAt = Math.min(...commands.filter(({ action }) => action === 'disable').map(({ sentAt }) => sentAt))
  for (const made of commands) {
    if (made.action !== 'key' || !isDone(made)) continue
    const drops = commands.filter(({ action, shown }) => action === 'drop' && shown === made.got)
    const droppedAt = Math.min(...drops.filter(isDone).map(({ answeredAt }) => answeredAt))
    const touchedAt = Math.min(disabledAt, ...drops.map(({ sentAt }) => sentAt))
    for (const { apiKey, status, sentAt, answeredAt, node, code } of requests) {
      if (apiKey !== made.got) continue
      if (status === 200 && sentAt > droppedAt + EVERYWHERE + 1000 * (1 + skew))
        said.push(`Node ${node} accepted ${apiKey} ${Math.round(sentAt - droppedAt)} ms after its end.`)
      if (code === 'invalid_api_key' && sentAt > made.answeredAt + EVERYWHERE && answeredAt < touchedAt)
        said.push(`Node ${node} refused ${apiKey}, which was made before.`)
    }
  }
  return said
}

function stored({ facts }: Evidence, client: string, commands: readonly Seen[]): string[] {
  const found = facts.clients.get(client)
  const created = commands.some((one) => one.action === 'create' && isDone(one))
  if (created && found === undefined) return [`${client} was made, and the database does not know it.`]
  if (commands.some((one) => one.action === 'disable' && isDone(one)) && found?.enabled === true)
    return [`${client} was disabled, and the database has it enabled.`]
  const last = commands.findLast(({ action }) => action === 'create' || action === 'rotate')
  if (last !== undefined && isDone(last) && last.got !== undefined && found?.liveSecrets.has(last.got) !== true)
    return [`${client}: its last secret is not in the database.`]
  return []
}
