import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

/** A script for `addInitScript`: axe-core, in every page that is opened. */
export const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What that script puts into a page. */
type Axe = typeof import('axe-core')

export const WCAG_AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** Rules of the standards and those that landmarks and headings go by, or the rules of these names. */
export async function violations(page: Page, rules?: readonly string[]): Promise<unknown[]> {
  return page.evaluate(
    async ({ standards, rules }) => {
      const { axe } = window as unknown as { axe: Axe }
      const runOnly =
        rules === undefined
          ? { type: 'tag' as const, values: standards }
          : { type: 'rule' as const, values: [...rules] }
      const { violations } = await axe.run(document, { runOnly, resultTypes: ['violations'] })
      return violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html.slice(0, 160))])
    },
    { standards: [...WCAG_AA, 'best-practice'], rules },
  )
}

/** How far the page can be scrolled sideways, in pixels. */
export function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

/**
 * Gives the focus to each thing that takes it, as whoever uses keys would, and answers those that do not show it: no
 * outline, out of sight, or under something else.
 */
export async function withoutVisibleFocus(page: Page): Promise<string[]> {
  // From now on the focus is that of a keyboard.
  await page.keyboard.press('Tab')
  return page.evaluate(() => {
    const all = document.querySelectorAll<HTMLElement>(
      'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex="0"]',
    )
    const lost: string[] = []
    for (const element of all) {
      if (!element.checkVisibility()) continue
      element.focus()
      // A control that is only spoken shows its focus by what it stands in.
      const shown = element.classList.contains('spoken') ? element.closest('label')! : element
      const { outlineStyle, outlineWidth } = getComputedStyle(shown)
      const box = shown.getBoundingClientRect()
      const at = document.elementFromPoint(
        Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1),
        Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1),
      )
      const isCovered = at === null || !(shown.contains(at) || at.contains(shown))
      if (document.activeElement !== element) lost.push(`takes no focus: ${element.outerHTML}`)
      else if (outlineStyle === 'none' || Number.parseFloat(outlineWidth) < 2)
        lost.push(`no outline: ${element.outerHTML}`)
      else if (isCovered) lost.push(`covered: ${element.outerHTML}`)
    }
    return lost.map((text) => text.slice(0, 160))
  })
}
