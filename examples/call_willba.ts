// Three calls of Willba's API, one token: the preset knows where and how to ask for it, the client keeps it while it is good.
// With the demo running (`npm start`): node_modules/.bin/node -C source examples/call_willba.ts
import { createClient } from '@countersign/call'
import { willba } from '@countersign/call/presets'

const origin = process.env['DEMO_ORIGIN'] ?? 'http://127.0.0.1:8080'

// Without baseUrl the preset speaks to Willba itself. The counting fetch is here only to show what goes over the wire.
let tokenRequests = 0
const client = createClient(
  willba({
    clientId: 'YOUR_CLIENT_ID',
    clientSecret: () => 'YOUR_CLIENT_SECRET', // a function, so that it may come from a vault
    baseUrl: origin,
    fetch: (input, init) => {
      const request = new Request(input, init)
      if (request.url.endsWith('/token')) tokenRequests++
      return fetch(request)
    },
  }),
)

for (const path of ['hotels', 'rooms?floor=2', 'bookings/17']) {
  const response = await client.fetch(`${origin}/apis/willba/${path}`)
  console.log(`${response.status} ${path}`)
}
console.log(`3 calls, ${tokenRequests} token request`)
