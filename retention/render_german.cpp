// SPDX-License-Identifier: AGPL-3.0-or-later
// The catalogue and the log's events in German. A test holds this table against both.
#include <array>
#include <utility>

#include "retention/render.h"

namespace lethe::retention {

namespace {

using Pair = std::pair<std::string_view, std::string_view>;
const Pair pairs[] = {
    // Names of the catalogue.
    {"account", "Konto"},
    {"account, by name", "Konto, dem Namen nach"},
    {"account, from outside", "Konto, von außen"},
    {"contact list", "Kontaktliste"},
    {"blocklist", "Sperrliste"},
    {"settings", "Einstellungen"},
    {"private nodes", "private Knoten"},
    {"public profile", "öffentliches Profil"},
    {"push registrations", "Anmeldungen für Push"},
    {"invitations", "Einladungen"},
    {"store", "Speicher"},
    {"policy", "Richtlinie"},
    {"keyring", "Schlüsselbund"},
    {"keyring, from outside", "Schlüsselbund, von außen"},
    {"archive", "Archiv"},
    {"archive, own choice", "Archiv, eigene Wahl"},
    {"letterbox", "Briefkasten"},
    {"subscriptions", "Kontaktanfragen"},
    {"uploads", "Dateien"},
    {"bucket, by account", "Eimer, nach Konten"},
    {"bucket, from outside", "Eimer, von außen"},
    {"log", "Protokoll"},
    {"ledger", "Hauptbuch"},
    {"clock", "Uhr"},
    {"lock", "Sperre"},
    {"reader locks", "Sperren der Leser"},
    {"control socket", "Steuersockel"},
    {"node key", "Knotenschlüssel"},
    {"TLS key and certificate", "TLS-Schlüssel und Zertifikat"},
    {"configuration", "Konfiguration"},
    // Who can read.
    {"anyone with the disk", "jeder, der die Platte hat"},
    {"anyone with the disk and the node key", "jeder, der die Platte und den Knotenschlüssel hat"},
    {"only the owner's login", "nur die Anmeldung des Besitzers"},
    {"only who has the file's address", "nur wer die Adresse der Datei hat"},
    // Lifetimes.
    {"until changed or erased", "bis zur Änderung oder Löschung"},
    {"until the client or the app server ends it, or the account is erased or reset",
     "bis das Programm oder der App-Server sie beendet, oder das Konto gelöscht oder zurückgesetzt wird"},
    {"while the server runs, and after it ended", "solange der Server läuft, und nach seinem Ende"},
    {"until replaced or removed by the operator", "bis der Betreiber es ersetzt oder entfernt"},
    {"as long as the data directory", "so lange wie das Datenverzeichnis"},
    {"as long as the account or the bucket", "so lange wie das Konto oder der Eimer"},
    {"while the server runs", "solange der Server läuft"},
    // What they hold.
    {"how many invitations can be used, and in which hour each ends; who has the node key and an invitation's link, too, sees who invited and how "
     "often it can be used",
     "wie viele Einladungen benutzt werden können, und in welcher Stunde jede endet; wer den Knotenschlüssel und den Link einer Einladung dazu hat, sieht, wer "
     "eingeladen hat und wie oft sie benutzt werden kann"},
    {"the last use, or its end, erases the row; it may be found in free pages of the file until they are used again, still sealed",
     "die letzte Benutzung oder ihr Ende löscht die Zeile; sie kann sich, weiterhin versiegelt, in freien Seiten der Datei finden, bis diese wieder benutzt werden"},
    {"SCRAM salts, iteration counts, StoredKey and ServerKey (from which a weak password can be guessed), the vault secret wrapped under what a "
     "login reveals, the vault's public key, whether suspended, the retention that its owner chose for the archive, and the last announced policy that "
     "the owner was told of; how many clients log in with a token, and the week in which each token ends (it was issued so long before as the server lets "
     "tokens last)",
     "SCRAM-Salze, Rundenzahlen, StoredKey und ServerKey (aus denen ein schwaches Passwort erraten werden kann), das Geheimnis des Tresors, verschlossen "
     "mit dem, was eine Anmeldung offenbart, der öffentliche Schlüssel des Tresors, ob das Konto gesperrt ist, die Aufbewahrung, die der Besitzer für das Archiv "
     "gewählt hat, und die letzte angekündigte Richtlinie, von der er erfahren hat; wie viele Programme sich mit einem Token anmelden, und die Woche, in der jedes Token "
     "endet (ausgestellt wurde es so lange davor, wie der Server Token gelten lässt)"},
    {"whether a guessed address has an account here, and how many contacts, blocked addresses, settings, private and published items it has",
     "ob eine erratene Adresse hier ein Konto hat, und wie viele Kontakte, gesperrte Adressen, Einstellungen, private und veröffentlichte Einträge es hat"},
    {"what clients keep for themselves or publish to contacts only: bookmarks, how far conversations were read, private storage, nicknames and moods; "
     "names of nodes and items, settings, contents",
     "was Programme für sich behalten oder nur Kontakten zeigen: Lesezeichen, wie weit Gespräche gelesen sind, privater Speicher, Spitznamen und Stimmungen; "
     "Namen von Knoten und Einträgen, Einstellungen, Inhalte"},
    {"what anybody may ask for while its owner is away: vCard, avatar, OMEMO device lists and keys, whatever a client publishes openly; names of nodes "
     "and items, settings, contents",
     "wonach jeder fragen darf, während der Besitzer abwesend ist: vCard, Avatar, OMEMO-Gerätelisten und -Schlüssel, was ein Programm offen veröffentlicht; "
     "Namen von Knoten und Einträgen, Einstellungen, Inhalte"},
    {"how many accounts there are, how many rows each has in each table, their sizes after padding, and in which part of the file they lie; keyed "
     "hashes in the place of names; when the file was last written",
     "wie viele Konten es gibt, wie viele Zeilen jedes in jeder Tabelle hat, ihre aufgefüllten Größen und in welchem Teil der Datei sie liegen; "
     "Hashwerte mit Schlüssel anstelle von Namen; wann die Datei zuletzt geschrieben wurde"},
    {"each contact's address, name, groups and subscription state", "Adresse, Name, Gruppen und Abonnement jedes Kontakts"},
    {"each blocked address", "jede gesperrte Adresse"},
    {"the contact list's version; how far the letterbox was delivered and subscriptions were applied; whose messages the owner wants archived: a "
     "default, and the addresses that are exceptions",
     "die Fassung der Kontaktliste; wie weit der Briefkasten zugestellt ist und Kontaktanfragen wirksam sind; wessen Nachrichten der Besitzer archiviert "
     "haben will: eine Vorgabe und die Adressen, für die sie nicht gilt"},
    {"which app servers are told that something waits for an absent account, under which name there and with which secret",
     "welche App-Server erfahren, dass für ein abwesendes Konto etwas wartet, unter welchem Namen dort und mit welchem Geheimnis"},
    {"format version, version of the rules for addresses, a hash of the domain under the node key, the highest bucket number used so far in each class",
     "Fassung des Formats, Fassung der Regeln für Adressen, ein Hash der Domain unter dem Knotenschlüssel, die höchste bisher benutzte Nummer eines Eimers in jeder Klasse"},
    {"the policy in force, the one announced and from when on it holds, and the last announcements: all of it public",
     "die geltende Richtlinie, die angekündigte und ab wann sie gilt, und die letzten Ankündigungen: alles davon ist öffentlich"},
    {"one key for each account and each bucket, and the span of each bucket, sealed under the node key",
     "ein Schlüssel für jedes Konto und jeden Eimer und die Zeitspanne jedes Eimers, verschlossen mit dem Knotenschlüssel"},
    {"which slots are used, how often each was, and whose they are: keyed hashes of accounts, classes and numbers of buckets",
     "welche Plätze belegt sind, wie oft jeder es war und wem sie gehören: Hashwerte von Konten, Klassen und Nummern von Eimern"},
    {"messages: with whom, when, in which direction, the whole stanza", "Nachrichten: mit wem, wann, in welche Richtung, die ganze Nachricht"},
    {"the same, for accounts that chose another time", "dasselbe, für Konten, die eine andere Zeit gewählt haben"},
    {"messages that wait for an absent account: from whom, when, the whole stanza",
     "Nachrichten, die auf einen Abwesenden warten: von wem, wann, die ganze Nachricht"},
    {"contact requests and their answers that wait for an absent account: from whom, when, the whole stanza",
     "Kontaktanfragen und ihre Antworten, die auf einen Abwesenden warten: von wem, wann, die ganze Anfrage"},
    {"files: the content, its size and type; neither name nor address nor who sent it, so erasing an account does not find its files",
     "Dateien: Inhalt, Größe und Art; weder Name noch Adresse noch wer sie verschickt hat, deshalb findet das Löschen eines Kontos dessen Dateien nicht"},
    {"how many entries of which padded size each account has in it, and in which order they came; accounts by keyed hash, so by name where the "
     "address is guessed",
     "wie viele Einträge welcher aufgefüllten Größe jedes Konto darin hat und in welcher Reihenfolge sie kamen; Konten als Hashwert, also dem Namen "
     "nach, wo die Adresse erraten wird"},
    {"the bucket's span and deadline; how many accounts have entries in it, how many each, of which padded size, and roughly in which order they were "
     "written; nothing that links them across buckets or to accounts; when the file was last written",
     "Zeitspanne und Frist des Eimers; wie viele Konten Einträge darin haben, wie viele jedes, von welcher aufgefüllten Größe und ungefähr in welcher "
     "Reihenfolge sie geschrieben wurden; nichts, was sie über Eimer hinweg oder mit Konten verbindet; wann die Datei zuletzt geschrieben wurde"},
    {"plain text: time, event, and the fields that retention/LOG.md lists in the form that the policy permits",
     "Klartext: Zeit, Ereignis und die Felder, die retention/LOG.md nennt, in der Form, die die Richtlinie erlaubt"},
    {"when the server was started, hashes of its policies, until when each class was swept, alarms of the disk and the clock; signed and public "
     "(retention/LEDGER.md); no counts, no sizes, no time at which anybody talked",
     "wann der Server gestartet wurde, Hashwerte seiner Richtlinien, bis wann jede Klasse gekehrt wurde, Alarme der Platte und der Uhr; signiert und "
     "öffentlich (retention/LEDGER.md); keine Anzahlen, keine Größen, keine Zeit, zu der jemand sprach"},
    {"the latest ten minutes that began while a server ran, when the machine was started, and the kernel's name for that start",
     "die letzten zehn Minuten, die begannen, während ein Server lief, wann die Maschine gestartet wurde und wie der Kernel diesen Start nennt"},
    {"whether a server runs, and whether the last one ended in good order", "ob ein Server läuft und ob der letzte ordentlich endete"},
    {"process and thread numbers of the server's own readers", "Prozess- und Fadennummern der eigenen Leser des Servers"},
    {"nothing: it is how lethectl talks to the running server", "nichts: darüber spricht lethectl mit dem laufenden Server"},
    {"the key that everything above marked with it needs; readable wherever this directory can be read, so keep it off the data's disk and out of "
     "its backups",
     "der Schlüssel, den alles oben so Bezeichnete braucht; lesbar, wo immer dieses Verzeichnis gelesen werden kann, also nicht auf der Platte der "
     "Daten und nicht in deren Sicherungen aufzubewahren"},
    {"the server's private key and its public certificate", "der private Schlüssel des Servers und sein öffentliches Zertifikat"},
    {"how the server runs, and this policy, which is public", "wie der Server läuft, und diese Richtlinie, die öffentlich ist"},
    // What erases them.
    {"the bucket's key is overwritten at its deadline, then its files are removed",
     "der Schlüssel des Eimers wird zu seiner Frist überschrieben, dann werden seine Dateien entfernt"},
    {"erasing the account overwrites its key; a replaced row may be found in free pages of the file until they are used again, still sealed",
     "das Löschen des Kontos überschreibt seinen Schlüssel; eine ersetzte Zeile kann in freien Seiten der Datei liegen, bis diese wieder benutzt "
     "werden, weiterhin verschlossen"},
    {"removing the entry, or erasing or resetting the account, which destroys all that opens it; a replaced row may be found in free pages of the "
     "file until they are used again, still sealed",
     "das Entfernen des Eintrags oder das Löschen oder Zurücksetzen des Kontos, das alles zerstört, was ihn öffnet; eine ersetzte Zeile kann in freien "
     "Seiten der Datei liegen, bis diese wieder benutzt werden, weiterhin verschlossen"},
    {"removing the data directory", "das Entfernen des Datenverzeichnisses"},
    {"its slot is overwritten in place", "sein Platz wird an Ort und Stelle überschrieben"},
    {"delivery deletes the row, and its sealed bytes end with the bucket: its key is overwritten at its deadline, then its files are removed",
     "die Zustellung löscht die Zeile, und ihre verschlossenen Bytes enden mit dem Eimer: sein Schlüssel wird zu seiner Frist überschrieben, dann werden "
     "seine Dateien entfernt"},
    {"the file is overwritten and removed at its deadline", "die Datei wird zu ihrer Frist überschrieben und entfernt"},
    {"removing it, which everybody notices who watches it", "es zu entfernen, was jeder bemerkt, der es beobachtet"},
    {"every ten minutes it is overwritten in place", "alle zehn Minuten wird sie an Ort und Stelle überschrieben"},
    {"the next start overwrites it", "der nächste Start überschreibt sie"},
    {"the next start overwrites them; a bucket's goes with the bucket", "der nächste Start überschreibt sie; die eines Eimers geht mit dem Eimer"},
    {"the server's end", "das Ende des Servers"},
    {"overwriting or destroying it, which makes all of DATA but the log unreadable for good",
     "ihn zu überschreiben oder zu zerstören, was alles in DATA außer dem Protokoll für immer unlesbar macht"},
    {"replacing them; recorded traffic does not open with the key, because every connection has its own",
     "sie zu ersetzen; mitgeschnittener Verkehr öffnet sich mit dem Schlüssel nicht, weil jede Verbindung ihren eigenen hat"},
    {"editing or removing them", "sie zu ändern oder zu entfernen"},
    // Events of the log.
    {"the server accepts connections", "der Server nimmt Verbindungen an"},
    {"the server ends in good order", "der Server endet ordentlich"},
    {"a port is open", "ein Port ist offen"},
    {"a port could not be opened", "ein Port konnte nicht geöffnet werden"},
    {"a policy is in force", "eine Richtlinie gilt"},
    {"a looser policy was announced and waits for the end of its notice", "eine lockerere Richtlinie ist angekündigt und wartet das Ende ihrer Frist ab"},
    {"the policy file cannot be used, or what is in force cannot be stored", "die Datei der Richtlinie ist nicht brauchbar, oder was gilt, lässt sich nicht speichern"},
    {"the clock is in doubt, and nothing is destroyed by it; see `lethectl clock accept`",
     "die Uhr ist zweifelhaft, und nach ihr wird nichts zerstört; siehe `lethectl clock accept`"},
    {"the operator declared the clock right", "der Betreiber erklärte die Uhr für richtig"},
    {"a login succeeded", "eine Anmeldung gelang"},
    {"a login failed; the account is the one that was asked for, whether it exists or not",
     "eine Anmeldung misslang; das Konto ist das verlangte, ob es existiert oder nicht"},
    {"a stream ended with an error", "ein Strom endete mit einem Fehler"},
    {"a session ended", "eine Sitzung endete"},
    {"an account was made", "ein Konto wurde angelegt"},
    {"an account got a new, empty vault", "ein Konto bekam einen neuen, leeren Tresor"},
    {"an account may not log in any more", "ein Konto darf sich nicht mehr anmelden"},
    {"an account's key was destroyed", "der Schlüssel eines Kontos wurde zerstört"},
    {"an account's owner changed the password", "der Besitzer eines Kontos änderte das Passwort"},
    {"somebody blocked an address and reported it (XEP-0377)", "jemand sperrte eine Adresse und meldete sie (XEP-0377)"},
    {"a sweep overwrote the keys of buckets", "ein Kehren überschrieb die Schlüssel von Eimern"},
    {"something on disk failed or is damaged", "etwas auf der Platte versagte oder ist beschädigt"},
    {"a bucket could not be made, read, shortened or destroyed", "ein Eimer konnte nicht angelegt, gelesen, gekürzt oder zerstört werden"},
    {"a message for an absent account was refused", "eine Nachricht für einen Abwesenden wurde abgelehnt"},
    {"a new certificate is in use", "ein neues Zertifikat ist in Gebrauch"},
    {"a certificate or its key cannot be used, or clients will not accept it", "ein Zertifikat oder sein Schlüssel ist nicht brauchbar, oder Clients werden es nicht annehmen"},
    {"refused, other_name, expires_soon or expired", "refused (abgelehnt), other_name (anderer Name), expires_soon (läuft bald ab) oder expired (abgelaufen)"},
    {"a sealed row does not open and is skipped", "eine verschlossene Zeile öffnet sich nicht und wird übergangen"},
};

}  // namespace

std::string_view german(std::string_view english) {
    for (const auto& [from, to] : pairs)
        if (from == english) return to;
    return {};
}

}  // namespace lethe::retention
