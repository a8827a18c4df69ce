using Workflows.Activities.Sweeping;
using Workflows.Service.Hosting;

namespace Workflows.Service.Sweeping;

/// <summary>Registers the parts that find and delete what is left over in the cloud.</summary>
internal static class SweepRegistration
{
    /// <summary>Adds the sweep.</summary>
    /// <param name="services">The services.</param>
    /// <param name="settings">The settings.</param>
    /// <exception cref="ServiceStartException">Its interval is out of range.</exception>
    public static void AddSweep(this IServiceCollection services, ServiceSettings settings)
    {
        if (settings.SweepMinutes is not (>= 0 and <= 1440))
        {
            throw new ServiceStartException(
                $"The setting 'Workflows:SweepMinutes' cannot be {settings.SweepMinutes}: use 0 (no sweeps) to 1440.");
        }

        services.AddSingleton(provider => new SweepSettings(
            TimeSpan.FromMinutes(settings.SweepMinutes),
            provider.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping));
        services.AddSingleton<IRunStandings, RunStandings>();
        services.AddSingleton<SweepRecord>();
        services.AddSingleton<SweepProblems>();
        services.AddSingleton<Sweeper>();
        services.AddHostedService<SweepStarter>();
    }
}
