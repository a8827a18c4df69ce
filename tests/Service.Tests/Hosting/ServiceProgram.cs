namespace Workflows.Service.Tests.Hosting;

/// <summary>The service as a program of its own.</summary>
internal static class ServiceProgram
{
    /// <summary>Gets its file.</summary>
    public static string Path => PathOf("Workflows.Service");

    /// <summary>Returns a program's file: artifacts/bin/PROJECT/CONFIGURATION, beside this project's own.</summary>
    public static string PathOf(string project)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        return System.IO.Path.Combine(here.Parent!.Parent!.FullName, project, here.Name, $"{project}.dll");
    }
}
