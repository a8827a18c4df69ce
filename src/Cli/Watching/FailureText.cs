using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Cli.Watching;

/// <summary>Formats the reason why a run did not succeed, for people.</summary>
internal static class FailureText
{
    /// <summary>Formats a failure: in Korean its code's sentence first, then the English message and fix as such.
    /// </summary>
    /// <param name="failure">The failure.</param>
    /// <param name="words">The language.</param>
    public static string Of(RunFailure failure, Words words) => words.Of(
        $"Failed: {failure.Code}: {failure.Message}\n{failure.Fix}",
        $"실패: {failure.Code}"
        + (FaultWords.Of(failure.Code, words.Language) is { } explained ? $": {explained}" : "")
        + $"\n{FaultWords.KoreanMessage} {failure.Message}\n{FaultWords.KoreanFix} {failure.Fix}");
}
