// SPDX-License-Identifier: Apache-2.0
// Dialogs are the browser's own: it keeps the focus inside, closes them by Esc and gives the focus back.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { session } from '../api';
import { problemFrom } from '../hooks';
import { store, useStore } from '../store';

interface DialogProps {
  title: string;
  close: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, close, children }: DialogProps): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog ref={ref} aria-labelledby="dialog-title" onClose={close}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

// --- before something is lost ----------------------------------------------------------------------------------

export interface Question {
  title: string;
  lost: ComponentChildren; // what will be lost, and until when it can be had back
  verb: string;
  harmless?: boolean; // nothing is lost: it only does more than was asked for
  act: () => Promise<void>;
}

const question = store<Question | null>(null);

session.listen(() => session.get() || question.set(null));
addEventListener('hashchange', () => question.set(null)); // what was asked is of the page that was left

export function ask(asked: Question): void {
  question.set(asked);
}

export function Asking(): JSX.Element | null {
  const asked = useStore(question);
  return asked && <Confirm key={asked.title} {...asked} />;
}

function Confirm({ title, lost, verb, harmless, act }: Question): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const close = () => question.set(null);
  const go = async () => {
    setBusy(true);
    try {
      await act();
      close();
    } catch (error) {
      setFailure(problemFrom(error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      <div class="lost">{lost}</div>
      {failure && <p class="bad" role="alert">{failure}</p>}
      <div class="buttons">
        <button type="button" onClick={close} autofocus>
          Cancel
        </button>
        <button type="button" class={harmless ? 'primary' : 'danger'} disabled={busy} onClick={go}>
          {verb}
        </button>
      </div>
    </Dialog>
  );
}

// --- forms in dialogs ------------------------------------------------------------------------------------------

interface FormDialogProps {
  title: string;
  verb: string;
  close: () => void;
  submit: (data: FormData) => Promise<void>;
  children: ComponentChildren;
}

export function FormDialog({ title, verb, close, submit, children }: FormDialogProps): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState('');
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure('');
    try {
      await submit(new FormData(event.currentTarget as HTMLFormElement));
    } catch (error) {
      setFailure(problemFrom(error).message);
    }
    setBusy(false);
  };
  return (
    <Dialog title={title} close={close}>
      <form onSubmit={send}>
        {children}
        {failure && <p class="bad" role="alert">{failure}</p>}
        <div class="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
