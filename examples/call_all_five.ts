// Five providers that spell OAuth in five ways, called in one: the dialect asks for the token and shows it.
// With the demo running (`npm start`): node_modules/.bin/node -C source examples/call_all_five.ts
import { createClient } from '@countersign/call'
import { DEMO_REALMS, demo } from '@countersign/call/demo'
import { TokenRequestFailed } from '@countersign/call/errors'

const origin = process.env['DEMO_ORIGIN'] ?? 'http://127.0.0.1:8080'

for (const realm of DEMO_REALMS) {
  const client = createClient(demo(realm, { origin }))
  try {
    const response = await client.fetch(`${origin}/apis/${realm}/some-endpoint`)
    const shownIn = Object.keys(await client.headers()).join(', ')
    console.log(`${realm.padEnd(14)}${response.status}  ${shownIn}`)
  } catch (error) {
    if (!(error instanceof TokenRequestFailed)) throw error
    // Safe to log: no error of the client holds a secret or a token.
    console.error(`${realm.padEnd(14)}${error.message}`)
    process.exitCode = 1
  }
}
