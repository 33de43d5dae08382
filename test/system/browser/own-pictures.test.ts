import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import sharp, { type Sharp } from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { zipOf } from '../../support/archives.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { AXE, sidewaysScroll, violations, withoutVisibleFocus } from './accessibility.ts'
import { type OpenedBrowser, openBrowser } from './support.ts'

const CLASSES = ['frog', 'ship', 'truck']
const OF_EACH = 24

/** As people's pictures are: each in another format, and of other proportions. */
const FORMS: readonly [extension: string, make: (picture: Sharp) => Sharp][] = [
  ['png', (picture) => picture.png()],
  ['jpg', (picture) => picture.resize(75, 49, { fit: 'fill' }).jpeg()],
  ['webp', (picture) => picture.resize(40, 123, { fit: 'fill' }).webp()],
]

interface PictureFile {
  name: string
  bytes: Buffer
}

/** Some of CIFAR-10's pictures, as the server shows them. */
async function picturesOf(server: TestServer, label: string): Promise<PictureFile[]> {
  const { dataset } = await server.query(
    `query ($class: String!) { dataset(name: "cifar10") {
      images(class: $class, first: ${OF_EACH}) { edges { node { index image(scale: 1) } } } } }`,
    { class: label },
  )
  return Promise.all(
    dataset.images.edges.map(async ({ node }: { node: { index: number; image: string } }, i: number) => {
      const [extension, make] = FORMS[i % FORMS.length]!
      const png = Buffer.from(node.image.split(',')[1]!, 'base64')
      return { name: `${node.index}.${extension}`, bytes: await make(sharp(png)).toBuffer() }
    }),
  )
}

/** Drops a file on the page, as a person does from another window. */
async function drop(page: Page, name: string, type: string, bytes: Buffer): Promise<void> {
  await page.evaluate(
    ({ name, type, base64 }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File([bytes], name, { type }))
      for (const event of ['dragover', 'drop']) {
        document.body.dispatchEvent(new DragEvent(event, { dataTransfer, bubbles: true, cancelable: true }))
      }
    },
    { name, type, base64: bytes.toString('base64') },
  )
}

/** Drops a folder of the machine: only the browser itself can make what a page gets of it. */
async function dropFolder(page: Page, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const data = { items: [], files: [path], dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 400, y: 250, data })
  }
  await session.detach()
}

const browserOf = openBrowser()

describe.skipIf(browserOf === null)('pictures of one’s own in a browser (apt-get install chromium)', () => {
  let server: TestServer
  let browser: OpenedBrowser
  let page: Page
  let folder: string
  const pictures = new Map<string, PictureFile[]>()

  beforeAll(async () => {
    browser = await browserOf!()
    server = await startServer({ dataset: 'cifar10' })
    ;({ page } = await browser.visit(server.url))
    await page.addInitScript(AXE)
    folder = mkdtempSync(join(tmpdir(), 'vggzoo-test-'))
    for (const label of CLASSES) pictures.set(label, await picturesOf(server, label))
  })
  afterAll(async () => {
    await browser?.close()
    await stopServers()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  })

  const isForEveryone = async () => {
    expect(await violations(page)).toEqual([])
    expect(await withoutVisibleFocus(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await violations(page, ['color-contrast', 'link-in-text-block'])).toEqual([])
    await page.setViewportSize({ width: 360, height: 900 })
    expect(await sidewaysScroll(page)).toBe(0)
    expect(await violations(page, ['target-size', 'scrollable-region-focusable'])).toEqual([])
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.emulateMedia({ colorScheme: 'light' })
  }

  const figure = (name: string) => page.locator('.figures div', { hasText: name }).first().locator('dd')

  test('a zip that is dropped becomes a data set, and what cannot be read is told of', async () => {
    const entries = CLASSES.flatMap((label) =>
      pictures.get(label)!.map(({ name, bytes }) => ({ name: `photos/${label}/${name}`, bytes, method: 0 })),
    )
    const cut = pictures.get('frog')![1]!.bytes.subarray(0, 300)
    entries.push({ name: 'photos/frog/cut.jpg', bytes: cut, method: 0 })
    await page.goto(`${server.url}/data`)
    await page.getByText('Drop pictures here').waitFor()
    await drop(page, 'My Photos.zip', 'application/zip', zipOf(entries))
    const name = page.getByLabel('Name', { exact: true })
    await name.waitFor()
    expect(await name.inputValue()).toBe('my_photos')
    await page.getByLabel('Size of the images').fill('16')
    await page.getByRole('button', { name: 'Make the data set' }).click()
    await page.getByText(/each from 32 to 224 pixels/).waitFor()
    await isForEveryone()
    await page.getByLabel('Size of the images').fill('32')
    await page.getByRole('button', { name: 'Make the data set' }).click()
    await page.waitForURL(/\/data\/my_photos@1$/)
    await page.getByRole('link', { name: 'Train a network on it' }).waitFor()
    expect(await figure('Classes').textContent()).toBe('3')
    const images = await Promise.all(['Training images', 'Test images'].map((of) => figure(of).textContent()))
    expect(images.map(Number).reduce((sum, count) => sum + count)).toBe(CLASSES.length * OF_EACH)
    await page.getByRole('row', { name: /Refused photos\/frog\/cut\.jpg/ }).waitFor()
    await isForEveryone()
  })

  test('what is changed on its page becomes the next version, which a network learns', async () => {
    await page.getByRole('button', { name: 'Rename, merge or leave out' }).click()
    await page.getByLabel('What truck becomes').fill('lorry')
    await page.getByRole('button', { name: 'frog: show its pictures' }).click()
    await page.getByRole('heading', { name: 'Pictures of frog' }).waitFor()
    await page
      .getByRole('button', { name: /^Pick number/ })
      .first()
      .click()
    await page.getByRole('button', { name: 'Leave out', exact: true }).click()
    const changes = page.getByRole('list', { name: 'Changes' }).getByRole('listitem')
    await expect.poll(() => changes.allInnerTexts()).toEqual(['truck is called lorry', '1 picture left out'])
    await isForEveryone()
    await page.getByRole('button', { name: 'Make version 2' }).click()
    await page.waitForURL(/\/data\/my_photos@2$/)
    await page.getByRole('button', { name: 'lorry: show its pictures' }).waitFor()
    await page
      .getByRole('row', { name: /^2, this one ready my_photos@1 truck → lorry, 1 picture left out/ })
      .waitFor()
    await page.getByRole('link', { name: 'Train a network on it' }).click()
    await page.waitForURL(/\/new\?dataset=my_photos/)
    const dataset = page.getByLabel('Data set')
    await dataset.waitFor()
    expect(await dataset.inputValue()).toBe('my_photos@2')
    await page.getByLabel('Epochs', { exact: true }).fill('2')
    await page.getByLabel('Batch size').fill('16')
    await page.getByRole('button', { name: 'Start training' }).click()
    await page.locator('.status', { hasText: 'completed' }).waitFor()
    await page.getByRole('columnheader', { name: 'lorry' }).waitFor()
  })

  test('the network that learned them takes a picture for one of them, or for none when it is not sure enough', async () => {
    await page.goto(`${server.url}/predict`)
    await page.getByRole('button', { name: 'Try pictures of my_photos' }).waitFor()
    const [picture] = pictures.get('ship')!
    await drop(page, 'ship.png', 'image/png', picture!.bytes)
    const bars = page.locator('.bars dt')
    await expect.poll(async () => (await bars.allInnerTexts()).sort()).toEqual(['frog', 'lorry', 'ship'])
    await page.getByLabel('None of these below').fill('100')
    await page.keyboard.press('Enter')
    await page.getByText('None of these', { exact: true }).waitFor()
    await isForEveryone()
  })

  test('folders that are dropped are sent as one archive, whatever they are called', async () => {
    const labels = [`a ${'very '.repeat(16)}long name`, 'Füchse 🦊']
    for (const [i, label] of labels.entries()) {
      mkdirSync(join(folder, 'Zoo', label), { recursive: true })
      for (const { name, bytes } of pictures.get(CLASSES[i]!)!.slice(0, 9)) {
        writeFileSync(join(folder, 'Zoo', label, name), bytes)
      }
    }
    await page.goto(`${server.url}/data`)
    await page.getByText('Drop pictures here').waitFor()
    await dropFolder(page, join(folder, 'Zoo'))
    await page.getByText('Zoo: 18 files').waitFor()
    await page.getByRole('button', { name: 'Make the data set' }).click()
    await page.waitForURL(/\/data\/zoo@1$/)
    for (const label of labels) {
      await page.getByRole('button', { name: `${label}: show its pictures` }).waitFor()
    }
    await isForEveryone()
    page.once('dialog', (dialog) => void dialog.accept())
    await page.getByRole('button', { name: 'Delete version 1' }).click()
    await page.waitForURL(/\/data$/)
    await page.getByRole('region', { name: 'Data set my_photos' }).waitFor()
    await expect.poll(() => page.getByRole('region', { name: 'Data set zoo' }).count()).toBe(0)
    expect(browser.problems).toEqual([])
    expect(browser.elsewhere).toEqual([])
  })
})
