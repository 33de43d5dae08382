import { words } from '../format.ts'

export function Status({ status }: { status: string }) {
  return <span class={`status ${status}`}>{words(status)}</span>
}
