// What has been revoked, told as it happens: `GET /realms/{realm}/revocations`, text/event-stream, for guards in other programs.
// Events: hello {sequence, heartbeat}, revoked {kind, value, generation?, issued_until?, expires_at}, caught_up {sequence}, changed {}, beat {}.
// `Last-Event-ID` goes on behind what was seen. RFC knows no such feed; the form is WHATWG's server-sent events.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Endpoint } from '../context.ts'
import { authenticateGuard, isGuard } from '../guard_client.ts'

export const revocationFeed: Endpoint = {
  methods: ['GET'],
  query: false,
  async answer(context, dialect, wire) {
    const { clientId } = await authenticateGuard(context, dialect, wire)
    const { feed, realm } = context
    if (!feed.hasRoom({ realmId: realm.id, clientId })) {
      throw new OAuthError('temporarily_unavailable', 'Too many guards listen already: end some of them, or try again later.', {
        retryAfter: 5,
      })
    }
    const request = { realmId: realm.id, clientId, lastEventId: wire.headers['last-event-id'], mayListen: () => isGuard(context, clientId) }
    return { status: 200, headers: EVENT_STREAM, begin: (outlet) => feed.open(request, outlet) }
  },
}

const EVENT_STREAM = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // nginx would hold events back.
  'x-accel-buffering': 'no',
}
