//! TCP states in the words of all systems.

use crate::capture::TcpState;

/// Words for states that are not the English ones: of net-tools (from its translations) and of Windows in other
/// languages, as people post them.
const TRANSLATED: &[(&str, TcpState)] = &[
    ("VERBUNDEN", TcpState::Established),
    ("HERGESTELLT", TcpState::Established),
    ("CONNECTE", TcpState::Established),
    ("CONNECTÉ", TcpState::Established),
    ("ÉTABLIE", TcpState::Established),
    ("ESTABLECIDO", TcpState::Established),
    ("ESTABLECIDA", TcpState::Established),
    ("ESTABELECIDA", TcpState::Established),
    ("ESTABELECIDO", TcpState::Established),
    ("STABILITO", TcpState::Established),
    ("STABILITA", TcpState::Established),
    ("NAWIĄZANO", TcpState::Established),
    ("POŁĄCZONO", TcpState::Established),
    ("УСТАНОВЛЕНО", TcpState::Established),
    ("SPOJENO", TcpState::Established),
    ("接続完了", TcpState::Established),
    ("ABHÖREN", TcpState::Listen),
    ("LAUSCHT", TcpState::Listen),
    ("ECOUTE", TcpState::Listen),
    ("ÉCOUTE", TcpState::Listen),
    ("ESCUCHAR", TcpState::Listen),
    ("ESCUCHANDO", TcpState::Listen),
    ("OUÇA", TcpState::Listen),
    ("ESCUTANDO", TcpState::Listen),
    ("ASCOLTO", TcpState::Listen),
    ("NASŁUCH", TcpState::Listen),
    ("ПРОСЛУШИВАНИЕ", TcpState::Listen),
    ("NASLOUCHÁ", TcpState::Listen),
    ("待機", TcpState::Listen),
    ("WARTEND", TcpState::TimeWait),
    ("SCHLIESSENWARTEN", TcpState::CloseWait),
    ("SYNGESENDET", TcpState::SynSent),
    ("FINWARTEN1", TcpState::FinWait1),
    ("FINWARTEN2", TcpState::FinWait2),
    ("ZULETZTACK", TcpState::LastAck),
    ("SCHLIESSEND", TcpState::Closing),
    ("ABHOEREN", TcpState::Listen),
    ("SYNENVIADO", TcpState::SynSent),
    ("SYNRECEBIDO", TcpState::SynRecv),
    ("ESPERAFIN1", TcpState::FinWait1),
    ("ESPERAFIN2", TcpState::FinWait2),
    ("ESPERANDOFECHAR", TcpState::CloseWait),
    ("ÚLTIMOACK", TcpState::LastAck),
    ("FECHANDO", TcpState::Closing),
    ("FECHAR", TcpState::Close),
    ("POSLEDNÍACK", TcpState::LastAck),
    ("ZAVÍRÁ", TcpState::Closing),
    ("ZAVŘEN", TcpState::Close),
];

/// The state that a word is for, however its parts are joined.
pub(in crate::import) fn of_word(word: &str) -> Option<TcpState> {
    let word: String =
        word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_uppercase).collect();
    Some(match word.as_str() {
        "ESTAB" | "ESTABLISHED" => TcpState::Established,
        "SYNSENT" => TcpState::SynSent,
        "SYNRECV" | "SYNRCVD" | "SYNRECEIVED" | "NEWSYNRECV" => TcpState::SynRecv,
        "FINWAIT1" => TcpState::FinWait1,
        "FINWAIT2" => TcpState::FinWait2,
        "TIMEWAIT" => TcpState::TimeWait,
        "CLOSEWAIT" => TcpState::CloseWait,
        "LASTACK" => TcpState::LastAck,
        "LISTEN" | "LISTENING" => TcpState::Listen,
        "CLOSING" => TcpState::Closing,
        "UNCONN" | "CLOSE" | "CLOSED" | "BOUND" | "BOUNDINACTIVE" | "IDLE" | "DELETETCB" => TcpState::Close,
        _ => return TRANSLATED.iter().find(|(known, _)| *known == word).map(|(_, state)| *state),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_its_words() {
        for (word, state) in [
            ("ESTAB", Some(TcpState::Established)),
            ("FIN-WAIT-1", Some(TcpState::FinWait1)),
            ("FIN_WAIT_1", Some(TcpState::FinWait1)),
            ("FIN_WAIT1", Some(TcpState::FinWait1)),
            ("LISTENING", Some(TcpState::Listen)),
            ("SYN_RCVD", Some(TcpState::SynRecv)),
            ("ABHÖREN", Some(TcpState::Listen)),
            ("abhören", Some(TcpState::Listen)),
            ("SCHLIESSEN_WARTEN", Some(TcpState::CloseWait)),
            ("FIN_WARTEN_2", Some(TcpState::FinWait2)),
            ("ESPERA_FIN1", Some(TcpState::FinWait1)),
            ("text", None),
        ] {
            assert_eq!(of_word(word), state, "{word}");
        }
    }
}
