
namespace Holdfast.Posix;

/// <summary>The umask of this process.</summary>
public static class ProcessMask
{
    private const uint Usual = 0x12;

    /// <summary>Read without setting it, which umask(2) cannot.</summary>
    public static uint Read()
    {
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("Umask:", StringComparison.Ordinal));
        return line is null ? Usual : Convert.ToUInt32(line["Umask:".Length..].Trim(), 8);
    }
}
