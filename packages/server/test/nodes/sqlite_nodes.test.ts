// Several nodes on one SQLite file.
import { join } from 'node:path'
import { runNodes } from './several_nodes.ts'

runNodes('one SQLite file', async (folder) => ['--data', join(folder, 'data')])
