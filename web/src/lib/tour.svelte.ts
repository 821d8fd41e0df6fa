// Whether the tour is shown: on the first visit, until it was skipped or taken.

const KEY = 'digits-tour';

interface Step {
  /** The id of what is talked about. */
  about: string;
  title: string;
  text: string;
}

export const STEPS: Step[] = [
  {
    about: 'draw-paper',
    title: 'Draw a digit',
    text: 'With a mouse, a finger, a pen or the arrow keys. A picture can be dropped or pasted, too.',
  },
  {
    about: 'draw-answer',
    title: 'It answers while you draw',
    text: 'Ten bars, one for each digit. Where your drawing is no digit, or could be two, it says so.',
  },
  {
    about: 'draw-steps',
    title: 'See what it sees',
    text: 'Your drawing becomes 28 × 28 numbers. Below that, each of them counts for one digit or another.',
  },
  {
    about: 'rooms',
    title: 'Open it, train it, test it',
    text: 'Inside shows every number, forward and back. Train makes a network of your own. Test finds its mistakes.',
  },
  {
    about: 'choices',
    title: 'Choose, copy, come back',
    text: 'Choose another model here. The address holds what you see: copy it, and the same view opens.',
  },
];

function wasTaken(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return true; // storage is forbidden: it would come again and again
  }
}

class Tour {
  /** The step that is shown; null for none. */
  step = $state<number | null>(null);

  /** On a first visit. */
  offer(): void {
    if (!wasTaken()) this.step = 0;
  }

  start(): void {
    this.step = 0;
  }

  next(): void {
    if (this.step !== null && this.step < STEPS.length - 1) this.step++;
    else this.end();
  }

  back(): void {
    if (this.step) this.step--;
  }

  end(): void {
    this.step = null;
    try {
      localStorage.setItem(KEY, 'done');
    } catch {
      // it lasts until the page is left
    }
  }
}

export const tour = new Tour();
