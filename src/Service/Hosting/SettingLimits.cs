using System.Globalization;
using Workflows.Activities.Data;

namespace Workflows.Service.Hosting;

/// <summary>Reads the limits among the settings, and refuses those that cannot be.</summary>
internal static class SettingLimits
{
    private const double MostGibibytes = 1 << 20;

    /// <summary>Returns the limits of work on users' files.</summary>
    /// <exception cref="ServiceStartException">Names the setting.</exception>
    public static InputLimits OfInput(ServiceSettings settings)
    {
        // At least one byte: a limit of none would refuse every corpus.
        var bytes = settings.InputGibibytes * ServiceSettings.Gibibyte;
        return settings.InputPlaces < 1
            ? throw Unusable(nameof(settings.InputPlaces), settings.InputPlaces, "1 or more")
            : settings.InputMinutes is not (> 0 and < 1e6)
            ? throw Unusable(
                nameof(settings.InputMinutes), settings.InputMinutes, "more than 0 and less than 1,000,000")
            : !(bytes >= 1 && settings.InputGibibytes <= MostGibibytes)
            ? throw Unusable(
                nameof(settings.InputGibibytes), settings.InputGibibytes, "more than 0 and at most 1,048,576")
            : new InputLimits(settings.InputPlaces, TimeSpan.FromMinutes(settings.InputMinutes))
            {
                Bytes = (long)bytes,
            };

        static ServiceStartException Unusable(string setting, double value, string range) =>
            new($"The setting 'Workflows:{setting}' cannot be {value.ToString(CultureInfo.InvariantCulture)}: "
                + $"use {range}.");
    }
}
