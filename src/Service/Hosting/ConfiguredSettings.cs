using System.Reflection;
using Workflows.Service.Runs;

namespace Workflows.Service.Hosting;

/// <summary>
/// Reads the section <c>Workflows</c> of the configuration. <b>Invariant:</b> a name that is no setting is refused,
/// since a limit of spending with a typo in its name would be no limit.
/// </summary>
internal static class ConfiguredSettings
{
    private const string Section = "Workflows", Help = "docs/operations.md lists the settings.";
    private const int MostFaults = 10;

    /// <summary>Settings of a service that stays, which one inside a command leaves alone: it has free ports on this
    /// machine, the folder of <c>--state</c>, no callers from elsewhere, and ends with its command, so that a run that
    /// a message starts would pause at once.</summary>
    private static readonly string[] OfServices =
    [
        nameof(ServiceSettings.StateDirectory), nameof(ServiceSettings.HttpPort), nameof(ServiceSettings.GrpcPort),
        nameof(ServiceSettings.EmulatorRestPort), nameof(ServiceSettings.EmulatorStoragePort),
        nameof(ServiceSettings.Access), $"{nameof(ServiceSettings.PubSub)}:{nameof(PubSubSettings.Subscription)}",
        $"{nameof(ServiceSettings.PubSub)}:{nameof(PubSubSettings.DeadLetterTopic)}",
        $"{nameof(ServiceSettings.Dapr)}:{nameof(DaprSettings.StartTopic)}",
        $"{nameof(ServiceSettings.Dapr)}:{nameof(DaprSettings.DeadLetterTopic)}",
    ];

    /// <summary>The names of all settings; a dictionary takes any name below its own.</summary>
    private static readonly Dictionary<string, Type> Known = new(
        NamesOf(typeof(ServiceSettings), ""), StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads the settings.</summary>
    /// <param name="configuration">Files, environment and command line.</param>
    /// <param name="args">The command line.</param>
    /// <exception cref="ServiceStartException">A name is unknown, or a value cannot be used.</exception>
    public static ServiceSettings Read(IConfiguration configuration, string[] args)
    {
        var faults = Unread(configuration).Concat(Bare(args)).Concat(Unknown(configuration.GetSection(Section)))
            .Take(MostFaults).ToList();
        if (faults.Count > 0)
        {
            throw new ServiceStartException($"{string.Join('\n', faults.Select(each => each.TrimEnd()))} {Help}");
        }

        try
        {
            return configuration.GetSection(Section).Get<ServiceSettings>() ?? new ServiceSettings();
        }
        catch (InvalidOperationException exception)
        {
            throw new ServiceStartException($"A setting cannot be used: {exception.Message} {Help}", exception);
        }
    }

    /// <summary>Reads the settings for the service inside a command.</summary>
    /// <param name="configuration">Files, environment and command line.</param>
    /// <param name="args">The command line of the service, not of the command.</param>
    /// <param name="state">The state folder.</param>
    /// <param name="tell">Called with a sentence if settings do not apply.</param>
    /// <exception cref="ServiceStartException">A name is unknown, or a value cannot be used.</exception>
    public static ServiceSettings ReadForCommand(
        IConfiguration configuration, string[] args, string state, Action<string> tell)
    {
        ListenPlan.RefuseEndpoints(configuration);
        var settings = Read(configuration, args);
        var section = configuration.GetSection(Section);
        var unused = OfServices.Where(name => section.GetSection(name).Exists()).ToList();
        if (unused.Count > 0)
        {
            tell($"{string.Join(", ", unused.Select(name => $"{Section}:{name}"))}: only for a service that is a "
                + "program of its own. The one inside this command chooses its ports, listens on this machine only, "
                + "keeps its state in the folder of --state, and takes no messages.");
        }

        (settings.StateDirectory, settings.HttpPort, settings.GrpcPort) = (state, 0, null);
        (settings.EmulatorRestPort, settings.EmulatorStoragePort) = (null, null);
        settings.Access = new();
        (settings.PubSub.Subscription, settings.PubSub.DeadLetterTopic) = (null, null);
        (settings.Dapr.StartTopic, settings.Dapr.DeadLetterTopic) = (null, null);
        return settings;
    }

    private static IEnumerable<KeyValuePair<string, Type>> NamesOf(Type type, string path) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(each => each.CanWrite || IsDictionary(each.PropertyType))
            .SelectMany(each => IsGroup(each.PropertyType)
                ? NamesOf(each.PropertyType, $"{path}{each.Name}:").Prepend(new(path + each.Name, each.PropertyType))
                : [new KeyValuePair<string, Type>(path + each.Name, each.PropertyType)]);

    private static bool IsDictionary(Type type) => type.IsGenericType && Nullable.GetUnderlyingType(type) is null;

    private static bool IsGroup(Type type) => type.IsClass && type.Assembly == typeof(ServiceSettings).Assembly;

    /// <summary>Finds names in the section that are no settings.</summary>
    private static IEnumerable<string> Unknown(IConfigurationSection section)
    {
        foreach (var each in section.GetChildren())
        {
            var name = each.Path[(Section.Length + 1)..];
            if (!Known.TryGetValue(name, out var type))
            {
                yield return $"The setting '{each.Path}' is unknown. {Ask(name)}";
            }
            else if (IsGroup(type) && each.Value is { Length: > 0 })
            {
                var part = Known.Keys.First(
                    known => known.StartsWith($"{name}:", StringComparison.OrdinalIgnoreCase));
                yield return $"The setting '{each.Path}' has parts and no value of its own, as in '{Section}:{part}'.";
            }
            else if (IsGroup(type))
            {
                foreach (var fault in Unknown(each))
                {
                    yield return fault;
                }
            }
            else if (!IsDictionary(type) && each.GetChildren().Any())
            {
                yield return $"The setting '{each.Path}' takes one value, and has parts: "
                    + $"'{each.GetChildren().First().Path}'.";
            }
        }
    }

    /// <summary>Finds names of settings outside the section, where nothing reads them, such as
    /// <c>Workflows_MaxUsdPerDay</c> and <c>Workflow__MaxUsdPerDay</c>.</summary>
    private static IEnumerable<string> Unread(IConfiguration configuration) =>
        from top in configuration.GetChildren()
        where top.Key.StartsWith("work", StringComparison.OrdinalIgnoreCase)
            && !top.Key.Equals(Section, StringComparison.OrdinalIgnoreCase)
        from pair in top.AsEnumerable()
        let parts = pair.Key.Split([':', '_'], StringSplitOptions.RemoveEmptyEntries)
        let name = string.Join(':', parts.Skip(1))
        where pair.Value is not null && Known.ContainsKey(name) && NearestName.Ask(parts[0], [Section]) != ""
        select $"'{pair.Key}' is read by nothing. Did you mean '{Section}:{name}', as a variable "
            + $"'{Section}__{name.Replace(":", "__", StringComparison.Ordinal)}'?";

    /// <summary>Finds options of the command line without the section's name.</summary>
    private static IEnumerable<string> Bare(string[] args) =>
        from arg in args
        where arg.StartsWith("--", StringComparison.Ordinal)
        let name = arg[2..].Split('=')[0]
        where Known.ContainsKey(name)
        select $"The option '--{name}' is read by nothing. Did you mean '--{Section}:{name}'?";

    private static string Ask(string name)
    {
        var last = name.Split(':')[^1];
        var same = Known.Keys.FirstOrDefault(
            known => known.Split(':')[^1].Equals(last, StringComparison.OrdinalIgnoreCase));
        return same is not null
            ? $"Did you mean '{Section}:{same}'?"
            : NearestName.Ask(name, Known.Keys).TrimEnd().Replace(
                " '", $" '{Section}:", StringComparison.Ordinal);
    }
}
