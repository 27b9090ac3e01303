// A person with a browser, as far as a sign-in needs one: follows redirects, keeps cookies, fills in each form and sends it.

const FIELDS: Readonly<Record<string, string>> = { login: 'someone', password: 'anything' }

/** @returns the URL a redirect led to that begins with `until`, or the last page's text where none did. */
export async function signIn(start: string | URL, until?: string): Promise<string> {
  const jar = new Map<string, string>()
  let url = new URL(start)
  let form: URLSearchParams | undefined
  for (let steps = 0; steps < 20; steps++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    })
    for (const one of answer.headers.getSetCookie()) keep(jar, one)
    const location = answer.headers.get('location')
    if (location !== null) {
      await answer.body?.cancel()
      url = new URL(location, url)
      form = undefined
      if (until !== undefined && url.href.startsWith(until)) return url.href
      continue
    }
    const page = await answer.text()
    const next = readForm(page)
    if (!next) return page
    url = new URL(next.action, url)
    form = next.fields
  }
  throw new Error('The sign-in does not end.')
}

function keep(jar: Map<string, string>, cookie: string): void {
  const [pair = ''] = cookie.split(';')
  const [name = '', ...value] = pair.split('=')
  if (/expires=Thu, 01 Jan 1970/i.test(cookie)) jar.delete(name)
  else jar.set(name, value.join('='))
}

function readForm(page: string): { action: string; fields: URLSearchParams } | undefined {
  const action = /<form[^>]*\baction="([^"]*)"/.exec(page)?.[1]
  if (action === undefined) return undefined
  const fields = new URLSearchParams()
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const name = /\bname="([^"]*)"/.exec(input)?.[1] ?? ''
    fields.set(name, FIELDS[name] ?? /\bvalue="([^"]*)"/.exec(input)?.[1] ?? '')
  }
  return { action: action.replaceAll('&amp;', '&'), fields }
}
