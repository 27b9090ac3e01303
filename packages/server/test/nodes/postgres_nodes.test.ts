// Several nodes on one PostgreSQL.
import { after } from 'node:test'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import { runNodes } from './several_nodes.ts'

const ends: (() => Promise<void>)[] = []
after(async () => {
  for (const end of ends) await end()
})

runNodes(
  'one PostgreSQL',
  async () => {
    const server = await startPostgres({ after: (act) => void ends.push(act) })
    return ['--database', await server.createDatabase()]
  },
  noPostgres,
)
