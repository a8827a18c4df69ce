using System.Security.Cryptography;
using Workflows.ModelFiles;

namespace Workflows.Service.Hosting;

/// <summary>Reads files that settings name, and names the setting where one cannot be used.</summary>
internal static class SettingsFile
{
    // A certificate chain or a script has kilobytes.
    private const long MaxBytes = 1L << 20;

    /// <summary>Reads a whole file.</summary>
    /// <param name="setting">The setting, without its section.</param>
    /// <param name="path">The setting's value.</param>
    /// <param name="form">The form of the file, for the fix: "a PEM file".</param>
    /// <param name="parse">Makes the result of the bytes.</param>
    /// <exception cref="ServiceStartException">
    /// It is missing, not a regular file, larger than 1 MiB, not readable, or not of the form.
    /// </exception>
    public static T Read<T>(string setting, string path, string form, Func<byte[], T> parse) =>
        Use(setting, path, form, file => parse(RegularFile.ReadAll(file, MaxBytes)));

    /// <summary>Uses a file by its path.</summary>
    /// <param name="setting">The setting, without its section.</param>
    /// <param name="path">The setting's value.</param>
    /// <param name="form">The form of the file, for the fix.</param>
    /// <param name="use">Makes the result of the path.</param>
    /// <exception cref="ServiceStartException">The file cannot be used.</exception>
    public static T Use<T>(string setting, string path, string form, Func<string, T> use)
    {
        try
        {
            return use(path);
        }
        catch (ModelFileException exception)
        {
            throw Unusable(exception.Problem, exception);
        }
        catch (CryptographicException exception)
        {
            throw Unusable(exception.Message, exception);
        }

        ServiceStartException Unusable(string problem, Exception cause) => new(
            $"Workflows:{setting} '{path}' cannot be used: {problem.TrimEnd('.')}. Name {form}.", cause);
    }
}
