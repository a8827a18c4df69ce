using System.Globalization;
using System.Text.RegularExpressions;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>Reads the fields of a request that concern its deadline.</summary>
internal static partial class DeadlineReader
{
    /// <summary>The field of the deadline.</summary>
    private const string Field = "deadline";

    private const string Example = "Use a time with its offset (RFC 3339), such as 2027-01-31T18:00:00Z or "
        + "2027-02-01T03:00:00+09:00.";

    /// <summary>Reads a deadline.</summary>
    /// <param name="text">The field; null for none.</param>
    /// <param name="check">Receives the faults.</param>
    /// <returns>The time in UTC; null for none.</returns>
    public static DateTimeOffset? Read(string? text, RequestCheck check)
    {
        if (text is null)
        {
            return null;
        }

        var time = DateTimeOffset.MinValue;
        var isRight = Form().IsMatch(text)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out time);
        check.That(isRight, Field, $"'{text}' is no time with an offset.", Example);
        return isRight ? time.ToUniversalTime() : null;
    }

    /// <summary>Reads what follows when the deadline has passed; of no effect without a deadline.</summary>
    /// <param name="request">The request.</param>
    /// <param name="check">Receives the faults.</param>
    /// <returns>true to stop the run.</returns>
    public static bool ReadStop(RunRequest request, RequestCheck check) =>
        check.OneOf(request.AfterDeadline, "afterDeadline", "continue", "stop") == "stop"
            && request.Deadline is not null;

    /// <summary>Reads what follows when spot nodes are no longer enough; of no effect on demand.</summary>
    /// <param name="request">The request.</param>
    /// <param name="provisioning">Its mode.</param>
    /// <param name="check">Receives the faults.</param>
    /// <returns>On demand by default for a run with a deadline.</returns>
    public static SpotFallback ReadFallback(RunRequest request, ProvisioningMode provisioning, RequestCheck check)
    {
        var given = check.OneOf<SpotFallback>(request.Tpu?.Fallback, "tpu.fallback");
        return provisioning != ProvisioningMode.Spot ? SpotFallback.None
            : request.Tpu?.Fallback is null && request.Deadline is not null ? SpotFallback.OnDemand
            : given;
    }

    /// <summary>Reads whether a working run goes over to a cheaper spot node; of no effect on demand.</summary>
    /// <param name="request">The request.</param>
    /// <param name="provisioning">Its mode.</param>
    /// <param name="check">Receives the faults.</param>
    /// <returns>By default it does if it has a deadline, by which it is known how long it may take.</returns>
    public static MoveChoice ReadMove(RunRequest request, ProvisioningMode provisioning, RequestCheck check)
    {
        var given = check.OneOf<MoveChoice>(request.Tpu?.Move, "tpu.move");
        return provisioning != ProvisioningMode.Spot ? MoveChoice.None
            : request.Tpu?.Move is null && request.Deadline is not null ? MoveChoice.Cheaper
            : given;
    }

    /// <summary>Refuses a run whose deadline has passed.</summary>
    /// <param name="spec">The run, or its next part.</param>
    /// <param name="now">The current time.</param>
    /// <exception cref="RunRequestException">It has passed.</exception>
    public static void RequireAhead(RunSpec spec, DateTimeOffset now)
    {
        if (spec.Deadline <= now)
        {
            throw new RunRequestException([new FieldError(
                Field,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"It is {spec.Deadline:yyyy-MM-dd'T'HH:mm:ss}Z, and it is {now.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss}Z "
                    + $"now."),
                $"Use a later time, or none{(spec.Resumption is null ? "" : ": --set deadline=null")}.")]);
        }
    }

    /// <summary>Writes a deadline as a request has it.</summary>
    public static string? Write(DateTimeOffset? deadline) =>
        deadline?.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    [GeneratedRegex(
        @"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?([Zz]|[+-][0-9]{2}:[0-9]{2})\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
