// Keys as files: the private key that a client authenticates with, and the key that tokens are bound to by DPoP (made on first use,
// one a profile, so that two providers cannot tell that they serve the same machine).
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { link, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { dpop } from '../client_auth/dpop.ts'
import { privateKeyJwt } from '../client_auth/private_key_jwt.ts'
import type { ClientOptions } from '../client_options.ts'
import type { World } from './command.ts'
import { CommandFailed, errorCode, UsageError } from './command.ts'
import type { Connection } from './connection_profile.ts'
import { ownFolder, writeOwnFile } from './own_folder.ts'

/** @throws UsageError, CommandFailed */
export async function keyOptions({ name, profile }: Connection, world: World): Promise<Pick<ClientOptions, 'clientAuth' | 'dpop'>> {
  const { privateKeyFile, dpop: bound } = profile
  return {
    ...(privateKeyFile === undefined ? {} : { clientAuth: privateKeyJwt({ key: await readKeyFile(privateKeyFile) }) }),
    ...(bound ? { dpop: dpop({ key: await ownKey(join(ownFolder(world), 'keys', `${name ?? 'default'}.dpop.json`)) }) } : {}),
  }
}

const MAX_KEY_BYTES = 64 * 1024

async function readKeyFile(path: string): Promise<string> {
  try {
    if ((await stat(path)).size <= MAX_KEY_BYTES) return await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--private-key-file: the file ${path} cannot be read (${errorCode(error)}); give a JWK, or a PEM of PKCS#8.`)
  }
  throw new UsageError(`--private-key-file: the file ${path} is too long for a key.`)
}

async function ownKey(path: string): Promise<string> {
  const there = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw new CommandFailed(`The key ${path} cannot be read (${errorCode(error)}): check its owner and rights.`)
  })
  if (there !== undefined) return there
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const draft = `${path}.new-${randomBytes(6).toString('hex')}`
  await writeOwnFile(draft, `${JSON.stringify(privateKey.export({ format: 'jwk' }))}\n`)
  try {
    // Unlike a rename it leaves a key alone that another command has made meanwhile.
    await link(draft, path)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw new CommandFailed(`The key ${path} cannot be made (${errorCode(error)}): check the folder.`)
  } finally {
    await rm(draft, { force: true })
  }
  return readFile(path, 'utf8')
}
