// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { sessionEnded, signIn } from '../api';
import { problemFrom, useTitle } from '../hooks';
import { useStore } from '../store';
import { Field } from '../ui/basic';

export function SignIn(): JSX.Element {
  useTitle('Sign in');
  const ended = useStore(sessionEnded);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget as HTMLFormElement).get('key')).trim();
    setBusy(true);
    try {
      await signIn(key);
    } catch (error) {
      const problem = problemFrom(error);
      setFailure(problem.code === 'unauthorized' ? 'This key is not valid: it is mistyped or revoked.' : problem.message);
      setBusy(false);
    }
  };
  return (
    <main class="sign-in" id="main">
      <form class="panel" onSubmit={submit}>
        <h1>resultd</h1>
        {ended && (
          <p class="note" role="status">
            Your session has ended. Sign in again to go on where you were.
          </p>
        )}
        <Field
          label="Key"
          hint={
            <>
              The key of a project. <code>./run</code> shows the first one; an administrator makes others.
            </>
          }
        >
          <input name="key" type="password" required autofocus autocomplete="current-password" spellcheck={false} />
        </Field>
        {failure && (
          <p class="bad" role="alert">
            {failure}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy}>
          Sign in
        </button>
      </form>
    </main>
  );
}
