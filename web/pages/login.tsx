import { useState } from 'preact/hooks'
import { signIn } from '../live/viewer.ts'
import { Field } from '../parts/field.tsx'
import { useTitle } from '../parts/title.ts'
import { params } from '../router.ts'

/** Where a page that wanted to know who looks at it leads, and where that page is come back to. */
export default function SignIn() {
  useTitle('Sign in')
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [asked, setAsked] = useState(false)
  const send = async () => {
    setAsked(true)
    setProblem(null)
    try {
      const why = await signIn(token)
      // Loaded anew: sockets and answers of who was here before are not this one's.
      if (why === null) return window.location.assign(ownPath(params.peek().get('to')))
      setProblem(why)
    } catch {
      setProblem('The server does not answer. Try again.')
    }
    setAsked(false)
  }
  return (
    <form
      class="panel stack"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <h1>Sign in</h1>
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

/** A path of this server and nothing else: an address may have been made up by anybody. */
function ownPath(to: string | null): string {
  const url = new URL(to ?? '/', window.location.origin)
  return url.origin === window.location.origin ? `${url.pathname}${url.search}` : '/'
}
