using System.Runtime.InteropServices;

namespace Holdfast.Posix;

/// <summary>What the machine gives the thread that calls.</summary>
public static class ThisThread
{
    private const int OfProcess = 0;

    /// <summary>A third of what others get while they want it, by the weights of Linux's scheduler.</summary>
    private const int Niceness = 5;

    /// <summary>Has it go behind threads that did not call this, for as long as it lives: Linux takes it for the one thread, whatever POSIX says of processes.</summary>
    public static void GiveWay()
    {
        if (NativeMethods.setpriority(OfProcess, 0, Niceness) != 0)
        {
            throw new PosixException("setpriority", "a thread", (Errno)Marshal.GetLastPInvokeError());
        }
    }
}
