import { useEffect, useState } from 'preact/hooks'
import { openIdOffer, signIn } from '../live/viewer.ts'
import { Field } from '../parts/field.tsx'
import { useTitle } from '../parts/title.ts'
import { params } from '../router.ts'

/** Why one comes back from a provider without having signed in. */
const PROBLEMS: Readonly<Record<string, (provider: string) => string>> = {
  denied: (provider) => `${provider} did not let you in, or you changed your mind.`,
  late: () => 'That took longer than ten minutes, or something else was begun meanwhile. Try again.',
  'no-role': (provider) =>
    `${provider} knows you, but none of what it says of you gives you a role here. Ask whoever runs this server.`,
  unreachable: (provider) => `${provider} does not answer. Try again later, or sign in with a token.`,
  failed: () => "Signing in did not work. The server's log says why.",
}

/** Where a page that wanted to know who looks at it leads, and where that page is come back to. */
export default function SignIn() {
  useTitle('Sign in')
  return (
    <div class="panel stack">
      <h1>Sign in</h1>
      <WithOpenId />
      <WithToken />
    </div>
  )
}

function WithOpenId() {
  const [offer, show] = useState<Awaited<ReturnType<typeof openIdOffer>>>(null)
  useEffect(() => {
    // Who cannot be told of it signs in with a token.
    openIdOffer().then(show, () => {})
  }, [])
  if (offer === null) return null
  const to = params.value.get('to') ?? '/'
  const problem = PROBLEMS[params.value.get('problem') ?? '']
  return (
    <>
      <div role="alert">{problem !== undefined && <p class="problem">{problem(offer.host)}</p>}</div>
      <div class="row">
        <a class="button primary" href={`${offer.url}?${new URLSearchParams({ to })}`}>
          Sign in with {offer.host}
        </a>
      </div>
    </>
  )
}

function WithToken() {
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [asked, setAsked] = useState(false)
  const send = async () => {
    setAsked(true)
    setProblem(null)
    try {
      const why = await signIn(token)
      // Loaded anew: sockets and answers of who was here before are not this one's.
      if (why === null) return window.location.assign(ownAddress(params.peek().get('to')))
      setProblem(why)
    } catch {
      setProblem('The server does not answer. Try again.')
    }
    setAsked(false)
  }
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <Field
        label="Token"
        hint="What `vggzoo token create` printed: vgz_..."
        problems={problem === null ? [] : [problem]}
      >
        {(control) => (
          <input
            {...control}
            type="password"
            name="token"
            autocomplete="current-password"
            required
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        )}
      </Field>
      <div class="row">
        <button type="submit" class="primary" disabled={asked}>
          Sign in
        </button>
      </div>
    </form>
  )
}

/** One of this server and nothing else: the page's own may have been made up by anybody. Whole, as the path //host is a host. */
function ownAddress(to: string | null): string {
  const url = new URL(to ?? '/', window.location.origin)
  return url.origin === window.location.origin ? url.href : '/'
}
