namespace Workflows.Cli.Starting;

/// <summary>Asks a person at a terminal; an empty answer takes the proposal.</summary>
/// <param name="input">The answers.</param>
/// <param name="output">The questions.</param>
internal sealed class Questions(TextReader input, TextWriter output)
{
    private const int MostTries = 5;

    /// <summary>Asks until the answer is right.</summary>
    /// <param name="question">The question.</param>
    /// <param name="proposal">The answer of an empty line; null if there is none.</param>
    /// <param name="fault">Returns what is wrong with an answer; null if it is right.</param>
    /// <exception cref="CommandException">The input has ended, or no answer was right.</exception>
    public string Ask(string question, string? proposal, Func<string, string?> fault)
    {
        for (var each = 0; each < MostTries; each++)
        {
            output.Write(proposal is null ? $"{question}: " : $"{question} [{proposal}]: ");
            output.Flush();
            if (input.ReadLine() is not { } line)
            {
                break;
            }

            var answer = line.Trim() is { Length: > 0 } given ? given : proposal ?? "";
            if (fault(answer) is not { } problem)
            {
                return answer;
            }

            output.WriteLine($"  {problem}");
        }

        throw new CommandException(
            $"'{question}' was not answered; nothing was written. Give the answers as options: workflows init --help",
            ExitCodes.Invalid);
    }
}
