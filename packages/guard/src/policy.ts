// Which scopes a request needs, by method and path. Knows no tokens. One reading of the path (path.ts) decides;
// the most specific pattern that fits it is the only one asked.
import { isScopeToken } from '@countersign/protocol/oauth/scope'
import type { PathProblem } from './path.ts'
import { plainPath, readPath, withoutParameters } from './path.ts'

/** One rule, as the operator writes it. */
export interface RouteRule {
  /** In upper case; GET includes HEAD. Without it: any. */
  readonly methods?: readonly string[]
  /**
   * Literal segments, `:name` for exactly one segment, a trailing `/*` for any rest, none included. A trailing slash of the
   * request is not looked at. Literals are compared exactly; see `compilePolicy` for those that differ only in case.
   */
  readonly path: string
  /** All of them are needed. */
  readonly scopes: readonly string[]
  /** True: a request without a token passes. A token that does come must be valid all the same. */
  readonly anonymous?: boolean
  /** Units of the client's plan that a request costs; whole, 0 or more, default 1. */
  readonly cost?: number
}

export interface PolicyRules {
  readonly routes: readonly RouteRule[]
  /** For a path that no rule fits: `authenticated` (default) wants a valid token and no scope, `deny` answers 404. */
  readonly otherwise?: 'deny' | 'authenticated'
}

export interface Route {
  /** As the operator wrote it; '' where none fitted. */
  readonly path: string
  /** For meters and bills: `GET /orders/:id`, `* /files/*` where the rule names no method, `otherwise` where none fitted. */
  readonly name: string
  readonly scopes: readonly string[]
  readonly anonymous: boolean
  /** Units. */
  readonly cost: number
}

export interface RouteRefusal {
  readonly refused: 'ambiguous_path' | 'no_route' | 'method_not_allowed'
  readonly detail: string | undefined
  /** Value of `Allow`, with method_not_allowed. */
  readonly allow: string | undefined
}

export interface Policy {
  /** @param rawPath as it came, with or without query */
  match(method: string, rawPath: string): Route | RouteRefusal
}

/**
 * Literal beats `:name` beats `/*`, segment by segment from the left. The pattern found answers alone: a method it does not list
 * is refused with 405, never handed to a broader pattern or to `otherwise`. A path that would reach a literal only without regard
 * to case or to `;parameters` is refused with 404, since the program behind may read it so.
 * @throws TypeError for a pattern, method or scope that cannot be, and for two rules that claim the same request
 */
export function compilePolicy({ routes, otherwise = 'authenticated' }: PolicyRules): Policy {
  if (routes.length > 0) return policyOf(routes, otherwise === 'deny' ? NO_ROUTE : AUTHENTICATED)
  return otherwise === 'deny' ? NOTHING : EVERYTHING
}

function policyOf(routes: readonly RouteRule[], unmatched: Route | RouteRefusal): Policy {
  const root = createNode()
  for (const rule of routes) insert(root, rule)
  const matchPath = (method: string, path: string): Route | RouteRefusal => {
    const leaf = find(root, path, 1)
    if (leaf === undefined) return unmatched
    if (!spellsAlike(leaf, path)) return NO_ROUTE
    return leaf.byMethod.get(method) ?? (method === 'HEAD' ? leaf.byMethod.get('GET') : undefined) ?? leaf.anyMethod ?? leaf.refusal
  }
  return {
    match(method, rawPath) {
      const plain = plainPath(rawPath)
      if (plain !== undefined) return matchPath(method, plain)
      const path = readPath(rawPath)
      // A segment that hides a slash was refused: what joins them parts them again.
      return 'problem' in path ? ambiguous(path) : matchPath(method, `/${path.segments.join('/')}`)
    },
  }
}

interface Leaf {
  /** Position and exact spelling of the pattern's literal segments. */
  readonly literals: readonly (readonly [number, string])[]
  readonly byMethod: Map<string, Route>
  anyMethod: Route | undefined
  refusal: RouteRefusal
}

interface Node {
  /** By `folded` text. */
  readonly literals: Map<string, Node>
  parameter: Node | undefined
  leaf: Leaf | undefined
  rest: Leaf | undefined
}

const createNode = (): Node => ({ literals: new Map(), parameter: undefined, leaf: undefined, rest: undefined })
const AUTHENTICATED: Route = Object.freeze({ path: '', name: 'otherwise', scopes: Object.freeze([]), anonymous: false, cost: 1 })
const NO_ROUTE: RouteRefusal = Object.freeze({ refused: 'no_route', detail: undefined, allow: undefined })

const ambiguous = ({ problem }: PathProblem): RouteRefusal => ({ refused: 'ambiguous_path', detail: problem, allow: undefined })

/** Without routes only whether the path can be read in one way matters, not into what. All guards without routes have these two in common. */
const alike = (route: Route | RouteRefusal): Policy => ({
  match(_method, rawPath) {
    if (plainPath(rawPath) !== undefined) return route
    const path = readPath(rawPath)
    return 'problem' in path ? ambiguous(path) : route
  },
})
const EVERYTHING = alike(AUTHENTICATED)
const NOTHING = alike(NO_ROUTE)

// Every node is visited at most once: the work is bounded by the operator's patterns, whatever the path.
// By places in the decoded text and not by a list of its segments: this is on the way of every request.
function find(node: Node, path: string, start: number): Leaf | undefined {
  if (start >= path.length) return node.leaf ?? node.rest
  const end = endOfSegment(path, start)
  const literal = node.literals.size === 0 ? undefined : literalChild(node, path.slice(start, end))
  return (literal && find(literal, path, end + 1)) ?? (node.parameter && find(node.parameter, path, end + 1)) ?? node.rest
}

function literalChild({ literals }: Node, segment: string): Node | undefined {
  // A text that is there as it stands is folded already.
  return literals.get(segment) ?? literals.get(folded(segment))
}

/** Whether the literals that were found by their folded text are there letter by letter. */
function spellsAlike({ literals }: Leaf, path: string): boolean {
  let start = 1
  let place = 0
  for (const [at, literal] of literals) {
    for (; place < at; place++) start = endOfSegment(path, start) + 1
    if (endOfSegment(path, start) !== start + literal.length || !path.startsWith(literal, start)) return false
  }
  return true
}

function endOfSegment(path: string, start: number): number {
  const slash = path.indexOf('/', start)
  return slash < 0 ? path.length : slash
}

function folded(segment: string): string {
  return withoutParameters(segment).toLowerCase()
}

const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/
const METHOD = /^[A-Z][A-Z-]{0,31}$/

function insert(root: Node, rule: RouteRule): void {
  const segments = segmentsOf(rule.path)
  const open = segments.at(-1) === '*'
  if (open) segments.pop()
  const literals: [number, string][] = []
  let node = root
  for (const [at, segment] of segments.entries()) {
    if (!PARAMETER.test(segment)) literals.push([at, literalOf(segment, rule.path)])
    node = childOf(node, segment)
  }
  const leaf: Leaf = (open ? node.rest : node.leaf) ?? { literals, byMethod: new Map(), anyMethod: undefined, refusal: NO_ROUTE }
  if (leaf.literals.some(([, literal], index) => literal !== literals[index]?.[1])) {
    throw new TypeError(`the policy has two paths that differ only in case: ${rule.path}`)
  }
  if (open) node.rest = leaf
  else node.leaf = leaf
  claim(leaf, rule)
}

/** The decoded segments of a pattern. Its canonical form is demanded, so that it means what it looks like. */
function segmentsOf(path: string): string[] {
  if (path === '/') return []
  const read = readPath(path)
  if ('problem' in read || read.query !== '' || read.segments.at(-1) === '') {
    throw new TypeError(`the path of a route must be like /orders/:id or /files/*, not ${JSON.stringify(path)}`)
  }
  return [...read.segments]
}

function literalOf(segment: string, path: string): string {
  if (segment.startsWith(':') || segment.includes('*') || segment.includes(';')) {
    throw new TypeError(`a segment of ${JSON.stringify(path)} is neither a literal, nor :name, nor a trailing *`)
  }
  return segment
}

function childOf(node: Node, segment: string): Node {
  if (PARAMETER.test(segment)) {
    node.parameter ??= createNode()
    return node.parameter
  }
  const key = folded(segment)
  const child = node.literals.get(key) ?? createNode()
  node.literals.set(key, child)
  return child
}

function claim(leaf: Leaf, rule: RouteRule): void {
  const { path, methods } = rule
  checkRule(rule)
  if (methods === undefined) {
    if (leaf.anyMethod !== undefined) throw new TypeError(`two routes claim every method of ${path}`)
    leaf.anyMethod = routeOf(rule, '*')
    return
  }
  if (methods.length === 0) throw new TypeError(`the route ${path} lists no method`)
  for (const method of methods) {
    if (!METHOD.test(method)) throw new TypeError(`a method of ${path} is not like GET`)
    if (leaf.byMethod.has(method)) throw new TypeError(`two routes claim ${method} ${path}`)
    leaf.byMethod.set(method, routeOf(rule, method))
  }
  const listed = new Set(leaf.byMethod.keys())
  if (listed.has('GET')) listed.add('HEAD')
  leaf.refusal = Object.freeze({ refused: 'method_not_allowed', detail: undefined, allow: [...listed].sort().join(', ') })
}

function checkRule({ path, scopes, anonymous = false, cost = 1 }: RouteRule): void {
  if (!scopes.every(isScopeToken)) throw new TypeError(`a scope of ${path} is no scope value of RFC 6749 section 3.3`)
  if (anonymous && scopes.length > 0) throw new TypeError(`the route ${path} cannot be anonymous and want scopes`)
  if (!Number.isSafeInteger(cost) || cost < 0) throw new TypeError(`the cost of ${path} must be a whole number, 0 or more`)
}

function routeOf({ path, scopes, anonymous = false, cost = 1 }: RouteRule, method: string): Route {
  return Object.freeze({ path, name: `${method} ${path}`, scopes: Object.freeze([...new Set(scopes)]), anonymous, cost })
}
