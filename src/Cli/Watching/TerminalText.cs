using System.Text;

namespace Workflows.Cli.Watching;

/// <summary>
/// Makes text from outside safe to print: a sentence of a corpus, or the message of an error, may contain escape
/// sequences that a terminal executes.
/// </summary>
internal static class TerminalText
{
    /// <summary>Writes control characters as their code points; line feeds and tabs stay.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>Text that moves no cursor and changes no colour.</returns>
    public static string Of(string text)
    {
        var shown = new StringBuilder();
        foreach (var character in text)
        {
            _ = character is not ('\n' or '\t') && (char.IsControl(character) || Bidirectional.Contains(character))
                ? shown.Append($"\\u{(int)character:x4}")
                : shown.Append(character);
        }

        return shown.ToString();
    }

    /// <summary>Bidirectional control characters, which can show words in an order that they do not have.</summary>
    private const string Bidirectional = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";
}
