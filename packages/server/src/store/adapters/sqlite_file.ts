// The database's file and folder, made for their owner alone.
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

/** Made before SQLite gets to it, since SQLite would take the umask's mode; its -wal and -shm files take the mode from the file. */
export const createFile = (place: string): void => {
  createFolder(dirname(place))
  closeSync(openSync(place, 'a', 0o600))
}

/** From the top down, one by one: Node's own `recursive` never ends where the file system answers ENOENT to mkdir, as /proc does. */
const createFolder = (folder: string): void => {
  if (existsSync(folder)) return
  const parent = dirname(folder)
  if (parent !== folder) createFolder(parent)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another process that starts at the same time may have been faster.
    if (!existsSync(folder)) throw error
  }
}
