// The five realms of Countersign's demo with the credentials their pages print: for trying out, examples and tests.
// They open nothing but a demo on a loopback address.
import type { ClientOptions } from './client_options.ts'
import { ConfigurationError } from './errors.ts'
import { checkEndpoint, isLoopback } from './origin.ts'
import { wave, webcommander, willba, wogeez, wych } from './presets.ts'

/** The demo realms by name; `wych` lives in the realm `partner`. */
export const DEMO_REALMS = ['willba', 'partner', 'wogeez', 'wave', 'webcommander'] as const
export type DemoRealm = (typeof DEMO_REALMS)[number]

/** `npm start` serves it here. */
export const DEMO_ORIGIN = 'http://127.0.0.1:8080'

/**
 * Options for one demo realm. Its guarded sample API is `{origin}/apis/{realm}/`.
 * @param options.origin of the demo; a loopback one.
 * @throws ConfigurationError
 */
export function demo(realm: DemoRealm, { origin = DEMO_ORIGIN }: { readonly origin?: string } = {}): ClientOptions {
  const url = checkEndpoint(origin, 'origin')
  if (!isLoopback(url)) throw new ConfigurationError('The demo runs on a loopback address only: its credentials are printed in public.')
  return DEMOS[realm]({ baseUrl: url.origin })
}

const DEMOS: Readonly<Record<DemoRealm, (at: { readonly baseUrl: string }) => ClientOptions>> = {
  willba: (at) => willba({ ...at, clientId: 'YOUR_CLIENT_ID', clientSecret: 'YOUR_CLIENT_SECRET' }),
  partner: (at) => wych({ ...at, clientId: 'client_123456789', clientSecret: 'supxxxxxxxxret', apiKey: 'demo-wych-api-key' }),
  wogeez: (at) => wogeez({ ...at, username: 'your-username', password: 'your-password' }),
  wave: (at) => wave({ ...at, clientId: 'the-client-id', clientSecret: 'the-secret-id' }),
  webcommander: (at) =>
    webcommander({
      ...at,
      clientId: 'f6681a45ad483e3c0a37016561d5b8be',
      clientSecret: '14e72a77d9125429b0c514010ddb0e46',
      username: 'newwc7@mywebcommander.com',
      password: 'newwc7@mywebcommander.com',
    }),
}
