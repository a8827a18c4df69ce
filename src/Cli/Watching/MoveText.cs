using System.Globalization;
using Workflows.Orchestrations;

namespace Workflows.Cli.Watching;

/// <summary>Formats the moves of a working run for people.</summary>
internal static class MoveText
{
    /// <summary>Formats a step of a move.</summary>
    public static string Of(MoveRecord step)
    {
        var move = step.Move;
        return step.Step switch
        {
            MoveStep.Begun => string.Create(
                CultureInfo.InvariantCulture,
                $"move        to {move.To.Candidate.Zone} is being prepared ({Why(move.Reason)}): "
                + $"{move.From.Candidate.UsdPerHour:0.00} to {move.To.Candidate.UsdPerHour:0.00} USD an hour, saves "
                + $"about {move.SavingUsd:0.00} USD and costs {move.CostUsd:0.00}; {move.From.Candidate.Zone} works "
                + $"on"),
            MoveStep.Done => string.Create(
                CultureInfo.InvariantCulture,
                $"moved       from {move.From.Candidate.Zone} to {move.To.Candidate.Zone} after {step.Seconds:0} s"),
            _ => string.Create(
                CultureInfo.InvariantCulture,
                $"move        to {move.To.Candidate.Zone} given up after {step.Seconds:0} s: {step.Why}"),
        };
    }

    private static string Why(MoveReason reason) => reason == MoveReason.BackToSpot
        ? "back to spot: the deadline leaves time for a loss" : "a cheaper spot node";
}
