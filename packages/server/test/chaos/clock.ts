// Loaded before a node (`--import`): its clock is so many milliseconds ahead as a file says, which may be written at any moment. And the node
// does not outlive the process that started it.
import { readFileSync } from 'node:fs'

const file = process.env['CHAOS_CLOCK'] ?? ''
const RealDate = Date
const realNow = Date.now.bind(Date)
const parent = process.ppid
let ahead = 0

const read = (): void => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
  try {
    ahead = Number(readFileSync(file, 'utf8')) || 0
  } catch {
    // As it was.
  }
}

read()
setInterval(read, 50).unref()
RealDate.now = () => realNow() + ahead
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[]) => Reflect.construct(target, args.length === 0 ? [target.now()] : args) as Date,
})
