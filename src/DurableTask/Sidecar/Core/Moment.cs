using Google.Protobuf.WellKnownTypes;

namespace Workflows.DurableTask.Sidecar.Core;

/// <summary>Checks times in messages, which can have any number of seconds.</summary>
internal static class Moment
{
    // The first and the last second of the calendar, as the definition of Timestamp limits it.
    private const long FirstSecond = -62_135_596_800;
    private const long LastSecond = 253_402_300_799;

    /// <summary>Returns whether the time is absent, or within the calendar.</summary>
    public static bool IsValid(Timestamp? time) => time is null
        || (time.Seconds is >= FirstSecond and <= LastSecond && time.Nanos is >= 0 and < 1_000_000_000);

    /// <summary>Returns the time if it is valid.</summary>
    /// <exception cref="FormatException">It is outside the calendar.</exception>
    public static Timestamp? Checked(Timestamp? time, string what) => IsValid(time)
        ? time
        : throw new FormatException(
            $"The {what} is not a valid time: {time!.Seconds} seconds and {time.Nanos} nanoseconds since 1970.");
}
