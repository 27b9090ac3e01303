// The published form, plain JavaScript resolved through the packages' exports, on the oldest Node that is promised.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startApi, startProvider } from './fake_provider.ts'
import { buildPublishedForm, findNode20 } from './processes/published_form.ts'

const run = promisify(execFile)

test('on Node 20 fifty cold calls cost one token request, and the command works', async (t) => {
  const node = await findNode20()
  if (node === undefined) return t.skip('no Node 20 on the PATH')
  const { folder, remove } = await buildPublishedForm()
  t.after(remove)
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const program = join(folder, 'program.mjs')
  await writeFile(
    program,
    `import { createClient } from '@countersign/call'
     const [tokenUrl, origin] = process.argv.slice(2)
     const client = createClient({ tokenUrl, clientId: 'ours', clientSecret: 'our-secret', apiOrigins: [origin] })
     const answers = await Promise.all(Array.from({ length: 50 }, () => client.fetch(origin + '/orders')))
     console.log(process.version, answers.filter((one) => one.ok).length)`,
  )
  const { stdout } = await run(node, [program, provider.tokenUrl, api.origin])
  assert.match(stdout, /^v20\..* 50\n$/)
  assert.equal(provider.requests.length, 1)
  const main = join(folder, 'node_modules', '@countersign', 'call', 'dist', 'cli', 'main.js')
  const env = { CALLSIGN_CLIENT_ID: 'ours', CALLSIGN_CLIENT_SECRET: 'our-secret' }
  const command = await run(node, [main, 'token', '--token-url', provider.tokenUrl], { env })
  assert.equal(command.stdout, 'token-2\n')
  return undefined
})
