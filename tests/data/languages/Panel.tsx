/* Panel: shows a list of people, one of whom may be chosen. */
import React, { useMemo, useState } from 'react';
import type { FC, ReactNode } from 'react';
import { Avatar } from '../avatar/Avatar';

interface Person {
  id: string;
  name: string;
  mail?: string;
}

interface PanelProps {
  people: Person[];
  title?: ReactNode;
  onChoose: (person: Person) => void;
}

const EMPTY = "Nobody's here";

function byName(a: Person, b: Person): number {
  return a.name.localeCompare(b.name);
}

/** One row of the panel. */
const Row: FC<{ person: Person; chosen: boolean; onClick: () => void }> = ({ person, chosen, onClick }) => (
  <li className={chosen ? 'row row--chosen' : 'row'} onClick={onClick}>
    <Avatar id={person.id} />
    <span>{person.name}</span>
    {person.mail && <a href={`mailto:${person.mail}`}>write to {person.name}</a>}
  </li>
);

export function usePeople(people: Person[], query: string) {
  return useMemo(() => {
    const wanted = query.trim().toLowerCase();
    return people.filter((person) => person.name.toLowerCase().includes(wanted)).sort(byName);
  }, [people, query]);
}

/**
 * The panel itself: a field to search with, and what it finds.
 */
export default function Panel({ people, title = 'Leute – Übersicht', onChoose }: PanelProps): JSX.Element {
  const [query, setQuery] = useState('');
  const [chosen, setChosen] = useState<string | null>(null);
  const found = usePeople(people, query);

  // Choosing a person twice is choosing nobody.
  function choose(person: Person) {
    if (person.id === chosen) {
      setChosen(null);
      return;
    }
    setChosen(person.id);
    onChoose(person);
  }

  if (!people.length) {
    return <p className="empty">{EMPTY}</p>;
  }
  return (
    <section>
      <h2>{title}</h2>
      <input value={query} onChange={(event) => setQuery(event.target.value)} />
      <ul>
        {found.map((person) => (
          <Row key={person.id} person={person} chosen={person.id === chosen} onClick={() => choose(person)} />
        ))}
      </ul>
      <p>That is all 😀 you will find</p>
    </section>
  );
}
