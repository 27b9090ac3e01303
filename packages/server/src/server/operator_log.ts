// The operator's log where nobody brought another: one JSON line on stderr for each thing.

export function reportToStderr(error: unknown, what: string): void {
  const cause = error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) }
  logToStderr({ level: 'error', what, ...cause })
}

export function noticeToStderr(what: string): void {
  logToStderr({ level: 'notice', what })
}

function logToStderr(line: Readonly<Record<string, unknown>>): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`)
}
