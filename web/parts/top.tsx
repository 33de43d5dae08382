import icon from '../icon.svg'
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
