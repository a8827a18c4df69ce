using System.Reflection;
using System.Text;

namespace Workflows.Service.Hosting;

/// <summary>Reads the script that a TPU VM runs when it boots.</summary>
internal static class StartupScripts
{
    /// <summary>Reads the given script, or infra/startup-script.sh, which is built in.</summary>
    public static string Read(string? path)
    {
        if (path is not null)
        {
            return SettingsFile.Read(
                nameof(ServiceSettings.StartupScript), path, "a shell script", Encoding.UTF8.GetString);
        }

        using var stream = Assembly.GetExecutingAssembly()
            .GetManifestResourceStream("Workflows.Service.startup-script.sh")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
