// Sign-in by a person as a grant: on another device by a code, or in the browser of this machine. Who shows and who listens is handed in.

import type { GrantSource } from '../extensions.ts'
import { authorizationCode } from '../grants/authorization_code.ts'
import type { DevicePrompt } from '../grants/device_code.ts'
import { deviceCode } from '../grants/device_code.ts'
import type { World } from './command.ts'
import { listenLoopback } from './loopback.ts'
import { localTime } from './time_words.ts'
import { visible } from './visible.ts'

export type HumanGrant = 'device_code' | 'authorization_code'

/** What a sign-in asks of the person. */
export interface Human {
  readonly prompt: (prompt: DevicePrompt) => void
  readonly redirectUri: () => Promise<string>
  readonly authorize: (url: URL) => Promise<URL>
}

/** @param subject whose tokens these are: the profile, so that two people of one client keep theirs apart. */
export function signInGrant(grant: HumanGrant, { prompt, redirectUri, authorize }: Human, subject: string): GrantSource {
  return grant === 'device_code' ? deviceCode({ prompt, subject }) : authorizationCode({ redirectUri, authorize, subject })
}

/** The person at the terminal; `close` lets go of the port. */
export function personAtTerminal({ stderr }: World, registered: string | undefined): Human & { readonly close: () => void } {
  let listening: ReturnType<typeof listenLoopback> | undefined
  const listen = (): ReturnType<typeof listenLoopback> => {
    listening ??= listenLoopback(registered)
    return listening
  }
  return {
    prompt({ userCode, verificationUri, verificationUriComplete, expiresAt }) {
      const short =
        verificationUriComplete === undefined ? '' : `\n(or ${visible(verificationUriComplete, 500)}, which brings the code along)`
      stderr.write(
        `Open ${visible(verificationUri, 500)} in a browser, on any device, and type the code:\n\n  ${visible(userCode, 100)}\n${short}\nWaiting until ${localTime(expiresAt)} ...\n`,
      )
    },
    redirectUri: async () => (await listen()).redirectUri,
    async authorize(url) {
      const { arrival } = await listen()
      const arrived = arrival(url.searchParams.get('state') ?? '')
      stderr.write(`Open this address in a browser on this machine and sign in:\n\n  ${url.href}\n\nWaiting ...\n`)
      return arrived
    },
    close() {
      listening?.then(({ close }) => close()).catch(() => undefined)
    },
  }
}
