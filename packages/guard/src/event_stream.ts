// Server-sent events from pieces of text, as WHATWG's HTML defines them (section 9.2.6), for a feed of ours: lines that end with LF or
// CRLF, one line of data an event. Pure; bounded by refusing what is longer.

export interface StreamEvent {
  /** `message` where the event has no name. */
  readonly event: string
  readonly data: string
  /** The last one given so far; undefined: none yet. */
  readonly id: string | undefined
}

/** Characters of one event at most. */
const MOST_CHARACTERS = 65_536

export class EventStreamReader {
  #rest = ''
  #event = ''
  #data: string[] = []
  #length = 0
  #id: string | undefined

  /** @returns the events that this piece completes. @throws RangeError for an event that is too long */
  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = []
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const event = this.#take(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (event) events.push(event)
    }
    if (this.#rest.length + this.#length > MOST_CHARACTERS) throw new RangeError('an event is too long')
    return events
  }

  #take(line: string): StreamEvent | undefined {
    if (line === '') return this.#dispatch()
    this.#length += line.length
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.#event = value
    else if (name === 'data') this.#data.push(value)
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    return undefined
  }

  #dispatch(): StreamEvent | undefined {
    const event = this.#event === '' ? 'message' : this.#event
    const data = this.#data
    this.#event = ''
    this.#data = []
    this.#length = 0
    return data.length === 0 ? undefined : { event, data: data.join('\n'), id: this.#id }
  }
}
