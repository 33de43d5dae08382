import icon from '../icon.svg'
import { signOut, viewer } from '../live/viewer.ts'
import { path } from '../router.ts'
import { type Theme, theme } from '../theme.ts'

const SECTIONS = [
  ['/runs', 'Runs'],
  ['/models', 'Models'],
  ['/networks', 'Networks'],
  ['/predict', 'Predict'],
  ['/data', 'Data'],
  ['/system', 'System'],
] as const

export function Top() {
  return (
    <header class="top">
      <a class="mark" href="/">
        <img class="mark-icon" src={icon} alt="" width="24" height="24" /> vggzoo
      </a>
      <nav aria-label="Sections">
        {SECTIONS.map(([to, name]) => (
          <a key={to} href={to} aria-current={path.value.startsWith(to) ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <div class="tools">
        <WhoIsHere />
        <a href="/graphql">Playground</a>
        <label class="row">
          <span class="spoken">Colours</span>
          <select
            value={theme.value}
            onChange={(event) => {
              theme.value = event.currentTarget.value as Theme
            }}
          >
            <option value="system">Auto</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </label>
      </div>
    </header>
  )
}

/** Where one signs in: who did. */
function WhoIsHere() {
  if (viewer.value === null || viewer.value.kind === 'LOCAL') return null
  const { name, role } = viewer.value
  return (
    <span class="row">
      <span>
        {name} <span class="muted">({role.toLowerCase()})</span>
      </span>
      <button type="button" class="quiet" onClick={() => void signOut()}>
        Sign out
      </button>
    </span>
  )
}
