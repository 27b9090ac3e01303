// Steps `dns`, `tcp`, `tls` and `clock`: the way to the provider, one layer after the other. Nothing is sent on these connections
// but a handshake.
import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import type { Finding, Overheard, Patient } from './finding.ts'
import { fail, ok, providerUrl, warn } from './finding.ts'

export async function examineNetwork({ options, world: { env, now } }: Patient): Promise<readonly Finding[]> {
  const url = providerUrl(options)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const findings: Finding[] = [...proxy(env, url), await examineDns(host)]
  if (findings.at(-1)?.mark === 'ok') findings.push(await examineTcp(host, port))
  if (findings.at(-1)?.mark === 'ok' && url.protocol === 'https:') findings.push(await examineTls(host, port, now()))
  return findings
}

/** The provider's clock as its answers tell it. @param now epoch seconds at which the last of them came. */
export function examineClock(heard: readonly Overheard[], now: number, keyed: boolean): readonly Finding[] {
  const field = heard.findLast((one) => one.headers.has('date'))?.headers.get('date')
  const at = field === undefined || field === null ? Number.NaN : Date.parse(field) / 1000
  if (Number.isNaN(at)) return []
  const skew = Math.round(now - at)
  const words = `This machine's clock is ${Math.abs(skew)} s ${skew > 0 ? 'ahead of' : 'behind'} the provider's`
  const mend = 'Set the clock: turn on time synchronisation (timedatectl set-ntp true).'
  if (Math.abs(skew) <= 10) return [ok('clock', 'The clocks of this machine and the provider agree.')]
  if (keyed && Math.abs(skew) > 60) return [fail('clock', `${words}, so that what is signed here is refused there.`, mend)]
  return [warn('clock', `${words}; tokens seem expired, or not valid yet, to whoever compares times.`, mend)]
}

const TIMEOUT_MS = 5000
const SOON_DAYS = 14

function proxy(env: Patient['world']['env'], url: URL): readonly Finding[] {
  const name = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].find((one) => env[one] !== undefined && env[one] !== '')
  if (name === undefined || env['NODE_USE_ENV_PROXY'] === '1' || url.protocol === 'http:') return []
  return [warn('proxy', `${name} names a proxy, which is not used.`, 'If there is no other way out: export NODE_USE_ENV_PROXY=1.')]
}

async function examineDns(host: string): Promise<Finding> {
  if (isIP(host) !== 0) return ok('dns', `${host} is an address.`)
  try {
    const found = await lookup(host, { all: true })
    return ok(
      'dns',
      `${host} is ${found
        .slice(0, 4)
        .map(({ address }) => address)
        .join(', ')}.`,
    )
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOTFOUND')
      return fail('dns', `There is no host ${host}.`, 'Check the spelling of the URL; inside a company network, check the VPN.')
    return fail('dns', `The name ${host} cannot be looked up (${code}).`, 'Check the name servers of this machine and its network.')
  }
}

function examineTcp(host: string, port: number): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS })
    const end = (finding: Finding): void => {
      socket.destroy()
      resolve(finding)
    }
    socket.once('connect', () => end(ok('tcp', `Port ${port} of ${host} answers.`)))
    socket.once('timeout', () =>
      end(fail('tcp', `Port ${port} of ${host} does not answer.`, 'A firewall may be in between: ask for the way to be opened.')),
    )
    socket.once('error', (error) => {
      const code = codeOf(error)
      const mend =
        code === 'ECONNREFUSED' ? 'Check the port, and that the server is running.' : 'Check the network, and any firewall in between.'
      end(fail('tcp', `Nothing can be connected to at port ${port} of ${host} (${code}).`, mend))
    })
  })
}

function examineTls(host: string, port: number, now: number): Promise<Finding> {
  return new Promise((resolve) => {
    // Looked at whatever it is, since a connection that is refused shows no certificate; nothing is sent on it.
    const socket = connectTls({
      host,
      port,
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    })
    const end = (finding: Finding): void => {
      socket.destroy()
      resolve(finding)
    }
    socket.once('secureConnect', () => end(judge(socket, host, now)))
    socket.once('timeout', () => end(fail('tls', `${host} does not answer a TLS handshake.`, 'Check that the port is the one for https.')))
    socket.once('error', (error) => {
      end(fail('tls', `There is no TLS with ${host}: ${codeOf(error)}.`, 'Check that the port speaks https, in TLS 1.2 or later.'))
    })
  })
}

function judge(socket: TLSSocket, host: string, now: number): Finding {
  const certificate = socket.getPeerCertificate()
  const ends = Date.parse(certificate.valid_to) / 1000
  const problem = socket.authorized ? undefined : String(socket.authorizationError)
  if (ends < now)
    return fail(
      'tls',
      `The certificate of ${host} expired on ${day(ends)}.`,
      "The provider must renew it; or this machine's clock is wrong.",
    )
  if (checkServerIdentity(host, certificate)) {
    return fail(
      'tls',
      `The certificate is not for ${host}, but for ${namesOf(certificate)}.`,
      'Use a name that it holds, or have the certificate made for this one.',
    )
  }
  if (problem !== undefined)
    return fail('tls', `The certificate of ${host} is not trusted here (${problem}).`, UNTRUSTED[problem] ?? OWN_AUTHORITY)
  const days = Math.floor((ends - now) / 86_400)
  if (days < SOON_DAYS) return warn('tls', `The certificate of ${host} expires in ${days} days, on ${day(ends)}.`, 'Remind the provider.')
  return ok('tls', `TLS is sound: ${socket.getProtocol() ?? 'TLS'}, the certificate is for ${host} and good until ${day(ends)}.`)
}

const OWN_AUTHORITY = 'If an authority of your own signed it: export NODE_EXTRA_CA_CERTS=FILE with its certificate (PEM).'
const UNTRUSTED: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `The server must send the whole chain with its certificate. ${OWN_AUTHORITY}`,
  CERT_NOT_YET_VALID: "It is not valid yet: check this machine's clock.",
}

function namesOf({ subjectaltname, subject }: PeerCertificate): string {
  const names = subjectaltname?.replaceAll(/DNS:|IP Address:/g, '') ?? subject.CN
  return [names]
    .flat()
    .join(', ')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 200)
}

function day(epoch: number): string {
  return Number.isFinite(epoch) ? new Date(epoch * 1000).toISOString().slice(0, 10) : 'an unknown day'
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
