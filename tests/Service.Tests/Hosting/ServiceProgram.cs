namespace Workflows.Service.Tests.Hosting;

/// <summary>The service as a program of its own.</summary>
internal static class ServiceProgram
{
    /// <summary>Gets its file: artifacts/bin/PROJECT/CONFIGURATION, beside this project's own.</summary>
    public static string Path
    {
        get
        {
            var here = new DirectoryInfo(AppContext.BaseDirectory);
            return System.IO.Path.Combine(
                here.Parent!.Parent!.FullName, "Workflows.Service", here.Name, "Workflows.Service.dll");
        }
    }
}
