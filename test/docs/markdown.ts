// Reads the repository's documents: fenced blocks with the reason that may excuse them, links, and the anchors GitHub gives to headings.
// Knows as much of CommonMark as these documents use; what it cannot place is an error, so that no block slips by.

/** A fenced block. */
export interface Block {
  readonly document: string
  /** Of the opening fence, from 1. */
  readonly line: number
  /** Word behind the fence; '' for a plain one. */
  readonly language: string
  readonly text: string
  /** From `<!-- not run: reason -->` directly before it. */
  readonly excuse: string | undefined
}

export interface Link {
  readonly line: number
  readonly target: string
}

export interface Document {
  /** From the repository's root. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  readonly links: readonly Link[]
  readonly anchors: ReadonlySet<string>
}

/** @throws Error for a fence that is never closed */
export function readDocument(path: string, text: string): Document {
  const blocks: Block[] = []
  const links: Link[] = []
  const anchors = new Set<string>()
  let open: { readonly mark: string; readonly indent: string; readonly block: Omit<Block, 'text'>; readonly lines: string[] } | undefined
  let excuse: string | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', mark, language = ''] = FENCE.exec(line) ?? []
    if (open !== undefined) {
      if (mark !== undefined && language === '' && mark.startsWith(open.mark)) {
        blocks.push({ ...open.block, text: `${open.lines.join('\n')}\n` })
        open = undefined
      } else open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
    } else if (mark !== undefined) {
      open = { mark, indent, block: { document: path, line: index + 1, language, excuse }, lines: [] }
      excuse = undefined
    } else {
      excuse = EXCUSE.exec(line)?.[1]
      links.push(...linksOf(line).map((target) => ({ line: index + 1, target })))
      const heading = HEADING.exec(line)?.[1]
      if (heading !== undefined) anchors.add(freeAnchor(heading, anchors))
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.block.line} opens a fence that is never closed`)
  return { path, text, blocks, links, anchors }
}

const FENCE = /^(\s*)(`{3,}|~{3,})\s*([\w-]*)\s*$/
const EXCUSE = /^\s*<!-- not run: (\S.*\S) -->\s*$/
const HEADING = /^#{1,6}\s+(.+?)\s*#*\s*$/
const LINK = /\]\(\s*<?([^()\s<>]+(?:\([^()\s]*\)[^()\s<>]*)?)>?(?:\s+"[^"]*")?\s*\)|^\s*\[[^\]^]+\]:\s+(\S+)/g

function linksOf(line: string): string[] {
  return [...line.replaceAll(/`[^`]*`/g, '``').matchAll(LINK)].map((match) => match[1] ?? match[2] ?? '')
}

function freeAnchor(heading: string, taken: ReadonlySet<string>): string {
  const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
  const anchor = words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-')
  if (!taken.has(anchor)) return anchor
  let count = 1
  while (taken.has(`${anchor}-${count}`)) count++
  return `${anchor}-${count}`
}
