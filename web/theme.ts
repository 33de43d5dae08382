import { effect, signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'vggzoo.theme'
const saved = window.localStorage.getItem(KEY)

/** What a person chose; `system` is what the machine says. */
export const theme = signal<Theme>(saved === 'light' || saved === 'dark' ? saved : 'system')

const systemDark = window.matchMedia('(prefers-color-scheme: dark)')
const systemIsDark = signal(systemDark.matches)

/** Whether the page is dark now. Who draws with colours of the page draws again when it changes. */
export const isDark = () => (theme.value === 'system' ? systemIsDark.value : theme.value === 'dark')

export function startTheme(): void {
  systemDark.addEventListener('change', (event) => {
    systemIsDark.value = event.matches
  })
  effect(() => {
    if (theme.value === 'system') {
      delete document.documentElement.dataset.theme
      window.localStorage.removeItem(KEY)
    } else {
      document.documentElement.dataset.theme = theme.value
      window.localStorage.setItem(KEY, theme.value)
    }
  })
}
