/** Why something is not shown, or was not done. */
export function Failure({ error }: { error: Error | string }) {
  const text = typeof error === 'string' ? error : error.message
  return (
    <div class="error" role="alert">
      <strong>That did not work.</strong> {text}
    </div>
  )
}
