using System.Globalization;
using Workflows.TpuWorker.Compile;

namespace Workflows.Service.Hosting;

/// <summary>Sets up the compiler of plans: a process of this program that loads the plugin.</summary>
internal static partial class PlanCompiler
{
    private const double MostMinutes = 1440;

    /// <summary>Reads the compiler's settings.</summary>
    /// <param name="settings">The service's settings.</param>
    /// <param name="child">Command line of the process.</param>
    /// <param name="logger">Receives the first failure of each plugin.</param>
    /// <returns>The settings.</returns>
    public static CompiledStepsOptions OptionsOf(
        ServiceSettings settings, IReadOnlyList<string> child, ILogger logger) => new()
        {
            Child = child,
            Folder = Path.Combine(settings.StateDirectory, "compiled"),
            Plugin = settings.PjrtPlugin,
            Deadline = TimeSpan.FromMinutes(settings.CompileMinutes),
            OnFault = why => Log.NotCompiled(logger, why),
        };

    /// <summary>Checks the settings.</summary>
    /// <param name="settings">The service's settings.</param>
    /// <exception cref="ServiceStartException">The minutes are out of range.</exception>
    public static void Require(ServiceSettings settings)
    {
        if (settings.CompileMinutes is not (> 0 and <= MostMinutes))
        {
            throw new ServiceStartException(
                $"The setting 'Workflows:CompileMinutes' cannot be "
                + $"{settings.CompileMinutes.ToString(CultureInfo.InvariantCulture)}: use more than 0 and at most "
                + $"{MostMinutes}.");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            4340, LogLevel.Warning,
            "Plans count the programs of runs instead of compiling them (Workflows:PjrtPlugin): {Why}")]
        public static partial void NotCompiled(ILogger logger, string why);
    }
}
